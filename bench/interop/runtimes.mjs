// Holds onnxruntime, in node, against what detnas computes: runtimes.py where Python has no
// onnxruntime. `make interop` installs it from package-lock.json.
//
//   node bench/interop/runtimes.mjs MODEL.onnx SAMPLE [...]
import { readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'

const tolerance = 1e-4

// npy reads an array of float32 in NumPy's format.
function npy (path) {
  const data = readFileSync(path)
  const head = data.subarray(10, 10 + data.readUInt16LE(8)).toString('latin1')
  if (!head.includes("'<f4'") || head.includes('True')) throw new Error(`${path}: ${head}`)
  const dims = head.match(/\(([^)]*)\)/)[1].split(',').map(s => s.trim()).filter(s => s).map(Number)
  const from = 10 + data.readUInt16LE(8)
  return { dims, data: new Float32Array(data.buffer.slice(data.byteOffset + from, data.byteOffset + data.length)) }
}

// off is the largest difference, relative to the largest value where that is above 1.
function off (got, want) {
  if (got.dims.join() !== want.dims.join()) return Infinity
  let most = 0
  let largest = 1
  for (let i = 0; i < want.data.length; i++) {
    largest = Math.max(largest, Math.abs(want.data[i]))
    const d = Math.abs(got.data[i] - want.data[i])
    if (!(d <= most)) most = d // a NaN, too
  }
  return most / largest
}

async function check (ort, model, sample) {
  const session = await ort.InferenceSession.create(model)
  let most = 0
  const shapes = []
  for (const run of readdirSync(sample).sort((a, b) => a - b)) {
    const arrays = Object.fromEntries(readdirSync(join(sample, run)).map(f => [basename(f, '.npy'), npy(join(sample, run, f))]))
    const name = session.inputNames[0]
    const x = arrays[name]
    delete arrays[name]
    const out = await session.run({ [name]: new ort.Tensor('float32', x.data, x.dims) })
    if (Object.keys(out).sort().join() !== Object.keys(arrays).sort().join()) throw new Error(`${model} gives ${Object.keys(out)}`)
    for (const [k, want] of Object.entries(arrays)) {
      const d = off(out[k], want)
      if (!(d <= most)) most = d
    }
    shapes.push(x.dims.join('x'))
  }
  const ok = most <= tolerance
  console.log(`${ok ? 'ok  ' : 'OFF '} onnxruntime-node ${ort.env.versions.common}  ${basename(model)}  at most ${most.toPrecision(2)} off  (${shapes.join(', ')})`)
  return ok
}

const ort = await import('onnxruntime-node').then(m => m.default ?? m).catch(() => null)
if (!ort) {
  console.log('skip onnxruntime-node: not installed')
  process.exit(0)
}
const args = process.argv.slice(2)
let agree = 0
for (let i = 0; i < args.length; i += 2) agree += await check(ort, args[i], args[i + 1])
console.log(`${agree} of ${args.length / 2} files agree`)
process.exit(agree === args.length / 2 ? 0 : 1)
