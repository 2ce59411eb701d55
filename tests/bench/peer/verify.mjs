// node verify.mjs FRAMES KEYS.json SECONDS: verifies commits with the reference libraries, pass after pass.
//
// FRAMES: (u32 big-endian length | message)*, commits only. KEYS: did:key by DID. Prints one JSON object: CPU time of
// one commit (us) and commits/s for three kinds of work.
//   full       header and payload, every block hashed, commit object, operations undone over the tree, signature
//   client     what @atproto/sync's firehose client does: as above, but the tree is not undone: each operation is
//              looked up in the new tree
//   signature  the signature alone
import fs from 'node:fs'
import { decode, decodeAll } from '@atproto/lex-cbor'
import { MST, MemoryBlockstore, def, readCarWithRoot, verifyCommitSig } from '@atproto/repo'
import { parseCommitAuthenticated } from '@atproto/sync'

const [framesPath, keysPath, secondsText] = process.argv.slice(2)
const keys = JSON.parse(fs.readFileSync(keysPath, 'utf8'))
const resolver = { did: { resolveAtprotoKey: async (did) => keys[did] } }

function messages(bytes) {
  const found = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    found.push(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return found
}

function event(message) {
  const [header, body, ...rest] = decodeAll(message)
  if (header.op !== 1 || header.t !== '#commit' || rest.length) throw new Error('expected a #commit')
  return body
}

async function undone(tree, op) {
  const found = await tree.get(op.path)
  if (op.action === 'delete') {
    if (found) throw new Error(`deleted and still there: ${op.path}`)
    return tree.add(op.path, op.prev)
  }
  if (!found?.equals(op.cid)) throw new Error(`not in the tree: ${op.path}`)
  return op.action === 'create' ? tree.delete(op.path) : tree.update(op.path, op.prev)
}

async function full(message) {
  const { repo, commit: root, blocks, ops, prevData } = event(message)
  const car = await readCarWithRoot(blocks)
  if (!car.root.equals(root)) throw new Error('another root')
  const commit = def.commit.schema.parse(decode(car.blocks.get(root)))
  if (commit.did !== repo || !(await verifyCommitSig(commit, keys[repo]))) throw new Error('signature')
  if (!prevData) return
  let tree = MST.load(new MemoryBlockstore(car.blocks), commit.data)
  for (const op of ops) tree = await undone(tree, op)
  if (!(await tree.getPointer()).equals(prevData)) throw new Error('prevData')
}

async function client(message) {
  const body = event(message)
  const writes = await parseCommitAuthenticated(resolver, body)
  if (writes.length !== body.ops.length) throw new Error('operations refused')
}

async function measured(items, work) {
  const endAt = performance.now() + Number(secondsText) * 1000
  for (const item of items.slice(0, 200)) await work(item)
  const [started, before] = [performance.now(), process.cpuUsage()]
  let commits = 0
  do {
    for (const item of items) await work(item)
    commits += items.length
  } while (performance.now() < endAt)
  const used = process.cpuUsage(before)
  const elapsed_s = (performance.now() - started) / 1000
  return { commits, cpu_us: (used.user + used.system) / commits, per_s: commits / elapsed_s }
}

const frames = messages(fs.readFileSync(framesPath))
const signed = []
for (const message of frames) {
  const { repo, commit, blocks } = event(message)
  const car = await readCarWithRoot(blocks)
  signed.push([def.commit.schema.parse(decode(car.blocks.get(commit))), keys[repo]])
}
const result = {
  node: process.version,
  full: await measured(frames, full),
  client: await measured(frames, client),
  signature: await measured(signed, async ([commit, key]) => {
    if (!(await verifyCommitSig(commit, key))) throw new Error('signature')
  }),
}
console.log(JSON.stringify(result))
