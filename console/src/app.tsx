import { useEffect, useRef, type MouseEvent, type ReactNode } from 'react';
import { CanaryPage } from './pages/canary.tsx';
import { DifferencesPage } from './pages/differences.tsx';
import { GatesPage } from './pages/gates.tsx';
import { JournalPage } from './pages/journal.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { MigrationsPage } from './pages/migrations.tsx';
import { PlanPage } from './pages/plan.tsx';
import { SettingsPage } from './pages/settings.tsx';
import { ShadowPage } from './pages/shadow.tsx';
import { SignIn } from './pages/sign-in.tsx';
import { TablesPage } from './pages/tables.tsx';
import { Header } from './parts/header.tsx';
import { SilenceBanner } from './parts/silence.tsx';
import { nameOf } from './state/console-state.ts';
import { useConsole, useFreshness, usePlace } from './state/hooks.ts';

interface Page {
  readonly route: string;
  readonly title: string;
  readonly shows: () => ReactNode;
}

const settings: Page = { route: 'settings', title: 'Settings', shows: SettingsPage };
const overview: Page = { route: '', title: 'Overview', shows: OverviewPage };
const pages: readonly Page[] = [
  overview,
  { route: 'plan', title: 'Plan', shows: PlanPage },
  { route: 'tables', title: 'Tables', shows: TablesPage },
  { route: 'differences', title: 'Differences', shows: DifferencesPage },
  { route: 'shadow', title: 'Shadow', shows: ShadowPage },
  { route: 'canary', title: 'Canary', shows: CanaryPage },
  { route: 'gates', title: 'Gates', shows: GatesPage },
  { route: 'journal', title: 'Journal', shows: JournalPage },
  settings,
];
/** Where several are served, and none of them is looked at. */
const migrations: Page = { route: '', title: 'Migrations', shows: MigrationsPage };
const pagesOfAll: readonly Page[] = [migrations, settings];

export function App(): ReactNode {
  const { route } = usePlace();
  const state = useConsole();
  const { access, caller, chosen } = state;
  const freshness = useFreshness();
  const ofAll = caller?.migrations !== undefined && chosen === undefined;
  const shown = ofAll ? pagesOfAll : pages;
  const page = shown.find((each) => each.route === route) ?? shown[0] ?? overview;
  const name = nameOf(state);
  useEffect(() => {
    document.title = `${page.title} · ${name}`;
  }, [page, name]);
  if (access === 'token wanted') return <SignIn />;
  const isStale = freshness.state === 'stale';
  return (
    <div className="shell" data-stale={isStale || undefined}>
      <a className="skip" href="#main" onClick={skip}>
        To the content
      </a>
      <Header pages={shown} route={page.route} />
      <main id="main" tabIndex={-1}>
        <SilenceBanner />
        <Focused key={`${chosen ?? ''}/${page.title}`} isFirst={route === ''}>
          <h1 tabIndex={-1}>{page.title}</h1>
          {access === 'open' ? <page.shows /> : <p className="quiet">Asking how the migration is …</p>}
        </Focused>
      </main>
    </div>
  );
}

/** The address is the page's: a skip link must not change it. */
function skip(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

/** Whoever goes to another page is told so by where the focus is: at its heading. */
function Focused({ children, isFirst }: { readonly children: ReactNode; readonly isFirst: boolean }): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  const wasShown = useRef(document.activeElement !== document.body && !isFirst);
  useEffect(() => {
    if (wasShown.current) place.current?.querySelector('h1')?.focus();
  }, []);
  return (
    <div className="page" ref={place}>
      {children}
    </div>
  );
}
