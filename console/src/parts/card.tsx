import { useId, type ReactNode } from 'react';

interface Props {
  readonly title: string;
  readonly more?: ReactNode;
  readonly children: ReactNode;
}

export function Card({ title, more, children }: Props): ReactNode {
  const id = useId();
  return (
    <section className="card" aria-labelledby={id}>
      <header className="card-head">
        <h2 id={id}>{title}</h2>
        {more}
      </header>
      {children}
    </section>
  );
}

/** What is said where there is nothing to show. */
export function Quiet({ children }: { readonly children: ReactNode }): ReactNode {
  return <p className="quiet">{children}</p>;
}

/** One word of a closed set, told by its form and its text. */
export function Tag({
  tone,
  children,
}: {
  readonly tone: 'good' | 'bad' | 'waits' | 'plain';
  readonly children: ReactNode;
}): ReactNode {
  return (
    <span className="tag" data-tone={tone}>
      {children}
    </span>
  );
}
