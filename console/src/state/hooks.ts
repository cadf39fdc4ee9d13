import { createContext, use, useEffect, useState, useSyncExternalStore } from 'react';
import { freshnessOf, type Freshness } from '../pure/freshness.ts';
import { placeOf, type Place } from '../pure/place.ts';
import type { ConsoleState } from './console-state.ts';
import { whyOf } from './http.ts';
import type { ConsoleStore } from './store.ts';
import { wallClock } from './wall-clock.ts';

export const StoreContext = createContext<ConsoleStore | undefined>(undefined);

export function useStore(): ConsoleStore {
  const store = use(StoreContext);
  if (store === undefined) throw new Error('no store');
  return store;
}

export function useConsole(): ConsoleState {
  const store = useStore();
  return useSyncExternalStore(store.subscribe, store.state);
}

export function useNow(): number {
  return useSyncExternalStore(wallClock.subscribe, wallClock.now);
}

export function useFreshness(): Freshness {
  const { heardMs } = useConsole();
  return freshnessOf(heardMs, useNow());
}

export interface Answer<T> {
  readonly data: T | undefined;
  readonly problem: string | undefined;
  readonly isLoading: boolean;
  readonly again: () => void;
}

/** What a path answers, asked again whenever `version` changes. What was there stays until the next is. */
export function useAnswer<T>(path: string, version: number): Answer<T> {
  const store = useStore();
  const [round, setRound] = useState(0);
  const [answer, setAnswer] = useState<Omit<Answer<T>, 'again'>>({
    data: undefined,
    problem: undefined,
    isLoading: true,
  });
  useEffect(() => {
    const left = new AbortController();
    setAnswer((before) => ({ ...before, isLoading: true }));
    store.get<T>(path, left.signal).then(
      (data) => setAnswer({ data, problem: undefined, isLoading: false }),
      (error: unknown) => {
        if (!left.signal.aborted) setAnswer((before) => ({ ...before, problem: whyOf(error), isLoading: false }));
      },
    );
    return () => left.abort(new Error('asked anew'));
  }, [store, path, version, round]);
  return { ...answer, again: () => setRound((before) => before + 1) };
}

/** What the address names, behind `#/`. */
export function usePlace(): Place {
  const [hash, setHash] = useState(() => location.hash);
  useEffect(() => {
    const follow = (): void => setHash(location.hash);
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }, []);
  return placeOf(hash);
}
