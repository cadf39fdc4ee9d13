import type { ReactNode } from 'react';

/** A side, by its colour, its form and its name: none alone. */
export function Side({ side }: { readonly side: 'blue' | 'green' }): ReactNode {
  return (
    <span className="side" data-side={side}>
      <i aria-hidden="true" />
      {side}
    </span>
  );
}
