// The edge function by hand, with its key in Secrets Manager by the AWS SDK.
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { handlerWith } from './signer.mjs';

const client = new SecretsManagerClient({ region: process.env.AWS_REGION, maxAttempts: 1 });
export const handler = handlerWith(async (SecretId) => {
  const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId, VersionStage: 'AWSCURRENT' }));
  return SecretString;
});
