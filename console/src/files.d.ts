/** Style sheets, which Vite puts into a file of their own. */
declare module '*.css';
