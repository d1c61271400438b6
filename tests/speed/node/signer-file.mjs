// The edge function by hand, with its key in a file.
import { readFileSync } from 'node:fs';
import { handlerWith } from './signer.mjs';

export const handler = handlerWith((secret) => readFileSync(secret.slice(5), 'utf8'));
