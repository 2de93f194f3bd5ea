import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [svelte()],
  base: './',
  build: {
    outDir: 'dist',
    // One page for a site, and one for the queue over all sites of a console that several share.
    rollupOptions: { input: ['index.html', 'sites.html'] },
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // no data: scripts, fonts or workers, for the content security policy
    chunkSizeWarningLimit: 1500, // MapLibre alone is about 1.1 MB before compression
  },
  worker: { format: 'es' },
  // `npm run dev` shows the page with live reload beside a console that already runs.
  server: { proxy: { '/api': 'http://127.0.0.1:8420' } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
