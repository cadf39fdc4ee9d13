import type { ReactNode } from 'react';

/** One figure under its name, in a `<dl className="tiles">`. */
export function Tile({ label, value }: { readonly label: string; readonly value: string }): ReactNode {
  return (
    <div className="tile">
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}
