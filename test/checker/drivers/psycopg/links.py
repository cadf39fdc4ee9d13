"""Connections, as programs with psycopg's pool, in its pipeline mode and with SQLAlchemy have them."""

from contextlib import ExitStack

import psycopg
import psycopg_pool
import sqlalchemy
from sqlalchemy import exc

BORROW_LIMIT = 10


class Lost(Exception):
    """The connection is of no use any more, or none could be had."""

    def __init__(self, word):
        super().__init__(word)
        self.word = word


def open_pool(options):
    return psycopg_pool.ConnectionPool(
        options["url"],
        min_size=0,
        max_size=options["size"],
        timeout=BORROW_LIMIT,
        check=psycopg_pool.ConnectionPool.check_connection,
        kwargs={"autocommit": True, "connect_timeout": BORROW_LIMIT},
        open=True,
    )


def answer(cursor):
    rows = [] if cursor.description is None else [list(row) for row in cursor.fetchall()]
    return {"rows": rows, "count": cursor.rowcount}


class PoolLink:
    """`with pool.connection() as connection: with connection.transaction():`, taken apart into its steps."""

    def __init__(self, pool):
        self.pool = pool
        self.connection = None
        self.transaction = ExitStack()
        self.payloads = []

    def borrow(self):
        try:
            self.connection = self.pool.getconn()
        except psycopg_pool.PoolTimeout:
            raise Lost("PoolTimeout") from None

    def begin(self, isolation):
        self.connection.isolation_level = psycopg.IsolationLevel[isolation.replace(" ", "_").upper()]
        self.transaction.enter_context(self.connection.transaction())

    def run(self, statements, _commit=False):
        return [answer(self.execute(*each)) for each in statements]

    def execute(self, sql, params, is_named):
        return self.connection.execute(sql, params or None, prepare=True if is_named else None)

    def commit(self):
        self.transaction.close()

    def rollback(self):
        self.transaction.__exit__(psycopg.Rollback, psycopg.Rollback(), None)

    def copy(self, sql, text):
        with self.connection.cursor() as cursor, cursor.copy(sql) as copy:
            copy.write(text)

    def listen(self, channel):
        self.connection.add_notify_handler(lambda notify: self.payloads.append(notify.payload))
        self.connection.execute(f'listen "{channel}"')

    def heard(self):
        self.connection.execute("select 1")
        payloads, self.payloads = self.payloads, []
        return [{"rows": [[payload] for payload in payloads], "count": len(payloads)}]

    def give(self):
        connection, self.connection = self.connection, None
        self.pool.putconn(connection)

    def drop(self):
        """The pool replaces a closed connection. Its transaction is not ended by anybody: the server does that."""
        self.transaction.pop_all()
        if self.connection is not None:
            self.connection.close()
            self.give()


class PipelineLink(PoolLink):
    """Statements of a transaction in one pipeline, and BEGIN and COMMIT too where all is known beforehand."""

    def __init__(self, pool):
        super().__init__(pool)
        self.isolation = None

    def begin(self, isolation):
        self.isolation = isolation

    def start(self):
        if self.isolation is not None:
            super().begin(self.isolation)
            self.isolation = None

    def run(self, statements, commit=False):
        if not commit:
            self.start()
        with ExitStack() as stack:
            stack.enter_context(self.connection.pipeline())
            if self.isolation is not None:
                super().begin(self.isolation)
                self.isolation = None
                stack.push(self.transaction.pop_all())
            cursors = [self.execute(*each) for each in statements]
        return [answer(cursor) for cursor in cursors]

    def copy(self, sql, text):
        self.start()
        super().copy(sql, text)

    def commit(self):
        self.isolation = None
        super().commit()

    def rollback(self):
        self.isolation = None
        super().rollback()

    def drop(self):
        self.isolation = None
        super().drop()


def open_engine(options):
    url = sqlalchemy.make_url(options["url"]).set(drivername="postgresql+psycopg")
    return sqlalchemy.create_engine(
        url, pool_size=options["size"], max_overflow=0, pool_timeout=BORROW_LIMIT, pool_pre_ping=True
    )


class SqlalchemyLink:
    """An engine's connection; outside of its transactions it commits by itself."""

    def __init__(self, engine):
        self.engine = engine
        self.connection = None
        self.transaction = None
        self.payloads = []

    def borrow(self):
        self.connection = self.told(self.engine.connect)

    def begin(self, isolation):
        self.connection.execution_options(isolation_level=isolation.upper())
        self.transaction = self.told(self.connection.begin)

    def run(self, statements, _commit=False):
        return self.told(lambda: self.outside(lambda: [self.execute(*each) for each in statements]))

    def execute(self, sql, params, _is_named):
        result = self.connection.exec_driver_sql(sql, tuple(params) or None)
        rows = [list(row) for row in result.fetchall()] if result.returns_rows else []
        return {"rows": rows, "count": result.rowcount}

    def outside(self, work):
        """SQLAlchemy begins a transaction for everything; in its AUTOCOMMIT the server knows of none. One that was begun by words is ended by words: its commit would send COMMIT."""
        if self.transaction is not None:
            return work()
        if not self.connection.in_transaction():
            self.connection.execution_options(isolation_level="AUTOCOMMIT")
        try:
            return work()
        finally:
            if not self.connection.invalidated and self.is_idle():
                self.connection.commit()

    def is_idle(self):
        native = self.connection.connection.driver_connection
        return native.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

    def commit(self):
        """A transaction whose COMMIT was refused is SQLAlchemy's until it is rolled back."""
        self.told(self.transaction.commit)
        self.transaction = None

    def rollback(self):
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            self.told(transaction.rollback)

    def copy(self, sql, text):
        with self.connection.connection.cursor() as cursor, cursor.copy(sql) as copy:
            copy.write(text)

    def listen(self, channel):
        native = self.connection.connection.driver_connection
        native.add_notify_handler(lambda notify: self.payloads.append(notify.payload))
        self.run([(f'listen "{channel}"', [], False)])

    def heard(self):
        self.run([("select 1", [], False)])
        payloads, self.payloads = self.payloads, []
        return [{"rows": [[payload] for payload in payloads], "count": len(payloads)}]

    def give(self):
        connection, self.connection = self.connection, None
        self.told(connection.close)

    def drop(self):
        self.transaction = None
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def told(self, work):
        """As psycopg said it: SQLAlchemy wraps its errors."""
        try:
            return work()
        except exc.TimeoutError:
            raise Lost("TimeoutError") from None
        except exc.DBAPIError as error:
            raise error.orig from None
        except exc.PendingRollbackError:
            raise Lost("PendingRollback") from None
