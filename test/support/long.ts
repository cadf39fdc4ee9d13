/**
 * Whether tests run whose short form `make test` has, which must end within half an hour: they do in `make test-mysql`, `test-kafka` and `test-e2e`. What is left out there is a second time around
 * with another server, seed or pair, or a way round most of which the test beside it goes too.
 */
export const isLong = process.env['TEAL_LONG'] === '1';
