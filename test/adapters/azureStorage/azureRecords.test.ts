import { azureRecords } from '../../../src/adapters/azureStorage/azureRecords';
import { describeRecords } from '../../conformance/records';
import { startAzurite, type Azurite } from '../../support/azurite';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(async () => azurite.stop());

const faults: unknown[] = [];
const open = async () =>
  azureRecords({ account: azurite.account, prefix: azurite.newPrefix(), logFault: (_, error) => faults.push(error) });

describeRecords('Azure Tables', open);
