import '@fontsource-variable/inter/wght.css';
import { mount } from 'svelte';
import AllSites from './AllSites.svelte';
import './app.css';

mount(AllSites, { target: document.getElementById('app')! });
