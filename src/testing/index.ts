/**
 * `teal/testing`: kits that hold an adapter to the contract of its port. Each is a list of named cases for any test runner; Teal's own adapters pass them.
 *
 *     import { test } from 'node:test';
 *     import { fenceContract } from 'teal/testing';
 *
 *     for (const { name, run } of fenceContract(openMyWorld)) test(name, run);
 */
export type { ContractCase } from './contract.ts';
export { fenceContract, type FenceWorld } from './fence-contract.ts';
export { gateContract, type GateWorld } from './gate-contract.ts';
export { routerContract, type RouterWorld } from './router-contract.ts';
export { stepContract, type StepPromises, type StepWorld } from './step-contract.ts';
