#!/usr/bin/env node
import { useCompileCache } from '../app/compile-cache.ts';

// Before the rest is imported: what is kept spares compiling it.
useCompileCache(process.env);
const { main } = await import('./command-line.ts');
process.exitCode = await main(process.argv.slice(2));
