/** Where the API listens unless it is told otherwise: for programs on this machine. */
export const apiListenDefault = '127.0.0.1:7480';
