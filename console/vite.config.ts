import { defineConfig } from 'vite';

/** One script, one style sheet and one page; everything in files of their own, as the policy of the page wants it. */
export default defineConfig({
  base: './',
  build: {
    target: 'es2023',
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    reportCompressedSize: false,
  },
});
