// A fresh process: how long from before the function is loaded to its first answer, and how long the next ones take.
// Arguments: the function, an event, how many more. Prints JSON.
import { readFileSync } from 'node:fs';

const [module, file, more] = process.argv.slice(2);
const text = readFileSync(file, 'utf8');
const event = JSON.parse(text);
const events = Array.from({ length: Number(more) }, () => JSON.parse(text));
const begun = process.hrtime.bigint();
const { handler } = await import(module);
const loaded = process.hrtime.bigint();
const result = await handler(event);
const first = process.hrtime.bigint();
for (const event of events) await handler(event);
const last = process.hrtime.bigint();
if (!result.headers?.['countersign-signature']?.[0].value.startsWith('countersign=:')) throw new Error(JSON.stringify(result));
const milliseconds = (from, to) => Number(to - from) / 1e6;
process.stdout.write(`${JSON.stringify({
  load_ms: milliseconds(begun, loaded), first_ms: milliseconds(loaded, first), both_ms: milliseconds(begun, first),
  next_us: events.length ? milliseconds(first, last) * 1000 / events.length : 0,
  peak_kb: process.resourceUsage().maxRSS,
})}\n`);
