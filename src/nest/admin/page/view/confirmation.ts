import { part, say } from './dom.js';

/** Asks a question in words. Escape and the other button are a no. */
export function confirmed(question: string, yes: string): Promise<boolean> {
  const dialog = part<HTMLDialogElement>('confirm');
  const [yesButton, noButton] = [part('confirm-yes'), part('confirm-no')];
  say(part('confirm-text'), question);
  say(yesButton, yes);
  return new Promise((resolve) => {
    yesButton.onclick = () => dialog.close('yes');
    noButton.onclick = () => dialog.close('no');
    dialog.onclose = () => resolve(dialog.returnValue === 'yes');
    dialog.returnValue = 'no';
    dialog.showModal();
    noButton.focus();
  });
}
