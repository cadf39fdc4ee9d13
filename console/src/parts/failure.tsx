import type { ReactNode } from 'react';

/** Why what was asked for was not done; nothing while nothing failed. */
export function Failure({ text }: { readonly text: string | undefined }): ReactNode {
  if (text === undefined) return null;
  return (
    <p className="banner" role="alert">
      {text}
    </p>
  );
}
