import fc from 'fast-check';
import { expect, test } from 'vitest';
import { float4Text, float8Text } from './float-text.ts';

/** As PostgreSQL 18 prints them. */
test.each([
  [0, '0'],
  [-0, '-0'],
  [0.1, '0.1'],
  [1e-4, '0.0001'],
  [1e-5, '1e-05'],
  [123_456_789_012_345, '123456789012345'],
  [1e15, '1e+15'],
  [-1.5e300, '-1.5e+300'],
  [1e23, '9.999999999999999e+22'],
  [2 ** 53, '9.007199254740992e+15'],
  [1.797_693_134_862_315_7e308, '1.7976931348623157e+308'],
  [5e-324, '5e-324'],
])('%d as float8 is %s', (value, text) => {
  expect(float8Text(value)).toBe(text);
});

/** By their bits. The last ones lie between two decimals, or just above a power of two. */
test.each([
  [0x8000_0000, '-0'],
  [0x3dcc_cccd, '0.1'],
  [0x4974_2400, '1e+06'],
  [0x7f7f_ffff, '3.4028235e+38'],
  [0x0000_0001, '1e-45'],
  [0x0080_0000, '1.1754944e-38'],
  [0x3980_0000, '0.00024414062'],
  [0x498c_998a, '1.1517932e+06'],
  [0x46a0_91a0, '20552.812'],
  [0x0f80_0000, '1.2621775e-29'],
  [0x6b00_0000, '1.5474251e+26'],
])('the float4 %i is %s', (bits, text) => {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits);
  expect(float4Text(view.getFloat32(0))).toBe(text);
});

test('every number comes back from its text', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(Number(float8Text(value))).toBe(value);
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = float4Text(value);
      expect(Math.fround(Number(text))).toBe(value);
      expect(text.replace(/e.*$/, '').replace(/[-.]/g, '').replace(/^0+/, '').length).toBeLessThanOrEqual(9);
    }),
    { numRuns: 2_000 },
  );
});
