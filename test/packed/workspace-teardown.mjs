export { tearDown as default } from './workspace.mjs';
