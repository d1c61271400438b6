// A new RSA key of 2,048 bits, as PKCS #8 in base64: `ring`, which signs with it, does not make RSA keys.
import { generateKeyPairSync } from 'node:crypto';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
process.stdout.write(privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'));
