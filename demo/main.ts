import { runDemo } from './run-demo.ts';
import { proxiedShop } from './shop-stage.ts';

/** `make demo`: from PostgreSQL 14 to 18, through Teal's proxy. */
await runDemo({ opening: 'starting PostgreSQL 14 (blue) and 18 (green)', rows: 1_000_000, set: proxiedShop });
