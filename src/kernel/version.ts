/** Of this installation, as package.json has it. */
export const tealVersion = '0.1.0';
