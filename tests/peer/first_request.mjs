// How long the first request of a fresh process takes: from loading the function to its answer. Its arguments are the
// function and an event; prints what it answered, and the milliseconds.

const [module, event] = process.argv.slice(2);
const begun = process.hrtime.bigint();
const { handler } = await import(module);
const result = await handler(JSON.parse(event));
const milliseconds = Number(process.hrtime.bigint() - begun) / 1e6;
process.stdout.write(`${JSON.stringify({ result, milliseconds })}\n`);
