import { createRoot } from 'react-dom/client';
import 'uplot/dist/uPlot.min.css';
import './style/base.css';
import './style/layout.css';
import './style/parts.css';
import './style/pages.css';
import { App } from './app.tsx';
import { placeOf } from './pure/place.ts';
import { StoreContext } from './state/hooks.ts';
import { goToKeptPlace, keptTheme, keptToken, showTheme } from './state/settings.ts';
import { ConsoleStore } from './state/store.ts';

showTheme(keptTheme());
goToKeptPlace();
const store = new ConsoleStore();
const look = (): void => store.choose(placeOf(location.hash).migration);
look();
// Before the page hears of it: what it shows is then asked of the right one.
window.addEventListener('hashchange', look);
store.begin(keptToken());
const root = document.getElementById('root');
if (root === null) throw new Error('the page has no place for the console');
createRoot(root).render(
  <StoreContext value={store}>
    <App />
  </StoreContext>,
);
