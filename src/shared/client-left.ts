// Why the body of a request breaks off before its end: it is nobody's failure, so no line of the log
// needs to tell it.

export class ClientLeft extends Error {
  constructor() {
    super("the client has left");
  }
}
