/**
 * Sends a command to a process that answers by `answerCommands`, one at a time.
 * @param {import('node:child_process').ChildProcess} child
 * @param {Record<string, unknown>} message
 * @returns {Promise<any>}
 */
export function ask(child, message) {
  return new Promise((resolve, reject) => {
    const onExit = (/** @type {number | null} */ code) => reject(new Error(`The process ended with ${code}.`));
    child.once('exit', onExit);
    child.once('message', (/** @type {{ answer?: unknown, error?: string }} */ { answer, error }) => {
      child.off('exit', onExit);
      if (error === undefined) resolve(answer);
      else reject(new Error(error));
    });
    child.send(message);
  });
}

/**
 * Runs the commands of the parent process, and answers each with its result.
 * @param {Record<string, (message: any) => unknown>} commands
 */
export function answerCommands(commands) {
  process.on('message', async (/** @type {{ command: string }} */ message) => {
    try {
      process.send?.({ answer: await commands[message.command](message) });
    } catch (error) {
      process.send?.({ error: error instanceof Error ? error.stack : String(error) });
    }
  });
}
