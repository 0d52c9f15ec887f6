// Buffers and typed arrays outside V8's heap, zlib and crypto on libuv's threads, worker threads, and the heap itself.
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto');
const zlib = require('zlib');
const util = require('util');

function makeRandom(seed) {
  return () => { seed = (Math.imul(seed, 1103515245) + 12345) >>> 0; return seed / 4294967296; };
}
function churn(seed) {
  const random = makeRandom(seed), map = new Map();
  for (let i = 0; i < 200000; i++) {
    const key = 'k' + Math.floor(random() * 50000);
    map.set(key, { i, text: key.repeat(1 + (i % 7)), list: [i, key, random()] });
    if (i % 3 === 0) map.delete('k' + Math.floor(random() * 50000));
  }
  let hash = crypto.createHash('sha256');
  for (const key of [...map.keys()].sort()) hash.update(key + map.get(key).text);
  return hash.digest('hex');
}
async function main() {
  const gzip = util.promisify(zlib.gzip), gunzip = util.promisify(zlib.gunzip), scrypt = util.promisify(crypto.scrypt);
  const random = makeRandom(9);
  for (let turn = 0; turn < 3; turn++) {
    const buffers = Array.from({ length: 60 }, (_, i) => Buffer.alloc(1 + Math.floor(random() * 400000), i));
    const packed = await Promise.all(buffers.map((b) => gzip(b)));
    const back = await Promise.all(packed.map((b) => gunzip(b)));
    const key = await scrypt('secret', 'salt', 64, { N: 16384 });
    const same = back.every((b, i) => b.equals(buffers[i]));
    const workers = [1, 2, 3].map((seed) => new Promise((done, failed) => {
      const worker = new Worker(__filename, { workerData: seed });
      worker.on('message', done); worker.on('error', failed);
    }));
    console.log(turn, same, key.toString('hex').slice(0, 16), churn(turn + 10), ...(await Promise.all(workers)));
  }
}
if (isMainThread) main(); else parentPort.postMessage(churn(workerData));
