import com.google.gson.Gson;
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.PGStatement;

/** One of the checker's clients: does with pgjdbc, through HikariCP, what the process that keeps the books asks for (../bridge.ts has the words). */
public final class Main {
    private static final Gson GSON = new Gson();
    private static final int BORROW_LIMIT_MS = 10_000;

    static final class Options {
        String host;
        int port;
        String user;
        String password;
        String database;
        int size;
    }

    static final class Asked {
        String sql;
        List<Object> params;
        String name;
    }

    static final class Request {
        long id;
        long on;
        /** `do` is a word of the language. */
        @com.google.gson.annotations.SerializedName("do")
        String word;
        String isolation;
        List<Asked> statements;
        String sql;
        String text;
        String channel;
    }

    record Answer(List<List<String>> rows, long count) {}

    static final class Reply {
        long id;
        List<Answer> answers;
        String error;
        String lost;
    }

    /** One connection at a time, as a program has it of its pool. */
    static final class Link {
        private final HikariDataSource pool;
        private Connection connection;

        Link(HikariDataSource pool) {
            this.pool = pool;
        }

        List<Answer> answer(Request request) throws SQLException, IOException {
            switch (request.word) {
                case "borrow" -> connection = pool.getConnection();
                case "begin" -> begin(request.isolation);
                case "run" -> {
                    return run(request.statements);
                }
                case "commit" -> {
                    connection.commit();
                    connection.setAutoCommit(true);
                }
                case "rollback" -> rollback();
                case "copy" -> connection
                    .unwrap(PGConnection.class)
                    .getCopyAPI()
                    .copyIn(request.sql, new StringReader(request.text));
                case "listen" -> run("listen \"" + request.channel + "\"");
                case "heard" -> {
                    return heard();
                }
                case "give" -> give();
                case "drop" -> {
                    if (connection != null) pool.evictConnection(connection);
                    connection = null;
                }
                default -> throw new IllegalArgumentException(request.word);
            }
            return List.of();
        }

        /** The driver sends BEGIN with the first statement. */
        private void begin(String isolation) throws SQLException {
            connection.setTransactionIsolation(
                switch (isolation) {
                    case "serializable" -> Connection.TRANSACTION_SERIALIZABLE;
                    case "repeatable read" -> Connection.TRANSACTION_REPEATABLE_READ;
                    default -> Connection.TRANSACTION_READ_COMMITTED;
                }
            );
            connection.setAutoCommit(false);
        }

        private void rollback() throws SQLException {
            // Of a transaction that was begun by words the driver knows nothing.
            if (connection.getAutoCommit()) run("rollback");
            else connection.rollback();
            connection.setAutoCommit(true);
        }

        private List<Answer> run(List<Asked> statements) throws SQLException {
            List<Answer> answers = new ArrayList<>();
            for (Asked each : statements) {
                try (PreparedStatement statement = connection.prepareStatement(each.sql.replaceAll("\\$\\d+", "?"))) {
                    if (each.name != null) statement.unwrap(PGStatement.class).setPrepareThreshold(1);
                    for (int at = 0; at < each.params.size(); at += 1) bind(statement, at + 1, each.params.get(at));
                    boolean hasRows = statement.execute();
                    answers.add(hasRows ? read(statement.getResultSet()) : new Answer(List.of(), statement.getUpdateCount()));
                }
            }
            return answers;
        }

        private void run(String sql) throws SQLException {
            try (Statement statement = connection.createStatement()) {
                statement.execute(sql);
            }
        }

        private List<Answer> heard() throws SQLException {
            PGNotification[] notes = connection.unwrap(PGConnection.class).getNotifications(1);
            List<List<String>> rows = new ArrayList<>();
            if (notes != null) for (PGNotification note : notes) rows.add(List.of(note.getParameter()));
            return List.of(new Answer(rows, rows.size()));
        }

        private void give() throws SQLException {
            Connection given = connection;
            connection = null;
            given.close();
        }
    }

    private static void bind(PreparedStatement statement, int place, Object value) throws SQLException {
        // JSON has one kind of number.
        if (value instanceof Number number) statement.setInt(place, number.intValue());
        else statement.setString(place, (String) value);
    }

    private static Answer read(ResultSet result) throws SQLException {
        List<List<String>> rows = new ArrayList<>();
        int columns = result.getMetaData().getColumnCount();
        while (result.next()) {
            List<String> row = new ArrayList<>();
            for (int at = 1; at <= columns; at += 1) row.add(result.getString(at));
            rows.add(row);
        }
        return new Answer(rows, rows.size());
    }

    private static Reply reply(Link link, Request request) {
        Reply reply = new Reply();
        reply.id = request.id;
        try {
            reply.answers = link.answer(request);
        } catch (SQLException error) {
            String state = error.getSQLState();
            // Class 08 is the driver's own: its connection is gone. A pool that has none to give tells why in the cause, if at all.
            if (state == null && error.getCause() instanceof SQLException cause) state = cause.getSQLState();
            if (state == null || state.startsWith("08")) reply.lost = state == null ? "SQLException" : state;
            else reply.error = state;
        } catch (IOException error) {
            reply.lost = "IOException";
        }
        return reply;
    }

    private static HikariDataSource openPool(Options options) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl("jdbc:postgresql://" + options.host + ":" + options.port + "/" + options.database);
        config.setUsername(options.user);
        config.setPassword(options.password);
        config.setMaximumPoolSize(options.size);
        config.setMinimumIdle(0);
        config.setConnectionTimeout(BORROW_LIMIT_MS);
        // The server may be down when the program starts.
        config.setInitializationFailTimeout(-1);
        return new HikariDataSource(config);
    }

    private static void serve(HikariDataSource pool, BlockingQueue<Request> requests) {
        Link link = new Link(pool);
        try {
            while (true) {
                String line = GSON.toJson(reply(link, requests.take()));
                synchronized (System.out) {
                    System.out.println(line);
                    System.out.flush();
                }
            }
        } catch (InterruptedException ended) {
            Thread.currentThread().interrupt();
        }
    }

    public static void main(String[] args) throws IOException {
        // A mistake of this program: a client that waits for it must not take it for the database's silence.
        Thread.setDefaultUncaughtExceptionHandler((thread, error) -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
        });
        HikariDataSource pool = openPool(GSON.fromJson(args[0], Options.class));
        Map<Long, BlockingQueue<Request>> links = new HashMap<>();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            Request request = GSON.fromJson(line, Request.class);
            links
                .computeIfAbsent(request.on, number -> {
                    BlockingQueue<Request> requests = new LinkedBlockingQueue<>();
                    Thread worker = new Thread(() -> serve(pool, requests), "connection " + number);
                    worker.setDaemon(true);
                    worker.start();
                    return requests;
                })
                .add(request);
        }
        System.exit(0);
    }
}
