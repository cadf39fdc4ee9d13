"""One of the checker's clients: does with psycopg what the process that keeps the books asks for (../bridge.ts has the words)."""

import json
import os
import queue
import re
import sys
import threading
import traceback

import psycopg

from links import PoolLink, PipelineLink, SqlalchemyLink, Lost, open_pool, open_engine

links = {"pool": PoolLink, "pipeline": PipelineLink, "sqlalchemy": SqlalchemyLink}


class Worker(threading.Thread):
    """Does the requests of one connection, one after another."""

    def __init__(self, link, tell):
        super().__init__(daemon=True)
        self.requests = queue.Queue()
        self.link = link
        self.tell = tell

    def run(self):
        while True:
            request = self.requests.get()
            try:
                answers = self.answer(request)
                self.tell({"id": request["id"], "answers": answers or []})
            except Lost as lost:
                self.tell({"id": request["id"], "lost": lost.word})
            except psycopg.Error as error:
                self.tell({"id": request["id"], **told(error)})
            except BaseException:
                # A mistake of this program: a client that waits for it must not take it for the database's silence.
                traceback.print_exc()
                os._exit(1)

    def answer(self, request):
        link = self.link
        match request["do"]:
            case "run":
                return link.run([native(each) for each in request["statements"]], request["commit"])
            case "begin":
                return link.begin(request["isolation"])
            case "copy":
                return link.copy(request["sql"], request["text"])
            case "listen":
                return link.listen(request["channel"])
            case "borrow" | "commit" | "rollback" | "heard" | "give" | "drop" as word:
                return getattr(link, word)()


def told(error):
    """A state of the server's, or that the connection is gone."""
    if error.sqlstate is not None:
        return {"error": error.sqlstate}
    return {"lost": type(error).__name__}


def native(statement):
    """With psycopg's own placeholders: `$1` is `%s`."""
    sql = re.sub(r"\$\d+", "%s", statement["sql"])
    return sql, statement["params"], statement.get("name") is not None


def main(mode, options):
    pool = open_engine(options) if mode == "sqlalchemy" else open_pool(options)
    lock = threading.Lock()

    def tell(reply):
        with lock:
            print(json.dumps(reply), flush=True)

    workers = {}
    for line in sys.stdin:
        request = json.loads(line)
        worker = workers.get(request["on"])
        if worker is None:
            worker = workers[request["on"]] = Worker(links[mode](pool), tell)
            worker.start()
        worker.requests.put(request)


main(sys.argv[1], json.loads(sys.argv[2]))
