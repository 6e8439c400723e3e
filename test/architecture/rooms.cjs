// The rooms of the larger folders, from the top floor to the ground. A file imports what is in its own room or on a
// lower floor; the files of the folder itself are above all rooms. The dependency rules are made of this table.

/** @type {Record<string, string[][]>} */
module.exports = {
  core: [['write-behind', 'cluster'], ['load'], ['scopes'], ['observation'], ['values'], ['ports'], ['vocabulary']],
  'adapters/bullmq': [['store']],
  'adapters/file': [['store']],
  'adapters/memory': [['eviction'], ['nodes']],
  'adapters/redis': [
    ['loads', 'invalidation', 'upkeep'],
    ['entries'],
    ['ioredis'],
    ['connection', 'options'],
    ['protocol'],
  ],
  'nest/http': [['request'], ['route'], ['response'], ['message'], ['exchange']],
};
