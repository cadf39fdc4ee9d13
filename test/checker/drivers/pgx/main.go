// One of the checker's clients: does with pgx, through its pool, what the process that keeps the books asks for (../bridge.ts has the words).
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const borrowLimit = 10 * time.Second

type options struct {
	URL  string `json:"url"`
	Size int32  `json:"size"`
}

type statement struct {
	SQL    string `json:"sql"`
	Params []any  `json:"params"`
	Name   string `json:"name"`
}

type request struct {
	ID         int64       `json:"id"`
	On         int64       `json:"on"`
	Do         string      `json:"do"`
	Isolation  string      `json:"isolation"`
	Statements []statement `json:"statements"`
	SQL        string      `json:"sql"`
	Text       string      `json:"text"`
	Channel    string      `json:"channel"`
}

type answer struct {
	Rows  [][]*string `json:"rows"`
	Count int64       `json:"count"`
}

type reply struct {
	ID      int64    `json:"id"`
	Answers []answer `json:"answers,omitempty"`
	Error   string   `json:"error,omitempty"`
	Lost    string   `json:"lost,omitempty"`
}

// What a transaction and a connection have in common.
type asked interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults
}

// Notifications by the backend that brought them.
type mailbox struct {
	lock sync.Mutex
	of   map[*pgconn.PgConn][]string
}

func (box *mailbox) put(conn *pgconn.PgConn, payload string) {
	box.lock.Lock()
	defer box.lock.Unlock()
	box.of[conn] = append(box.of[conn], payload)
}

func (box *mailbox) take(conn *pgconn.PgConn) []string {
	box.lock.Lock()
	defer box.lock.Unlock()
	taken := box.of[conn]
	delete(box.of, conn)
	return taken
}

type link struct {
	pool *pgxpool.Pool
	box  *mailbox
	conn *pgxpool.Conn
	tx   pgx.Tx
}

func (it *link) do(ctx context.Context, asked request) ([]answer, error) {
	switch asked.Do {
	case "borrow":
		limited, cancel := context.WithTimeout(ctx, borrowLimit)
		defer cancel()
		conn, err := it.pool.Acquire(limited)
		it.conn = conn
		return nil, err
	case "begin":
		tx, err := it.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.TxIsoLevel(asked.Isolation)})
		it.tx = tx
		return nil, err
	case "run":
		return it.run(ctx, asked.Statements)
	case "commit", "rollback":
		tx := it.tx
		it.tx = nil
		if asked.Do == "commit" {
			return nil, tx.Commit(ctx)
		}
		// A COMMIT that was refused has ended it.
		if tx == nil {
			return nil, nil
		}
		return nil, tx.Rollback(ctx)
	case "copy":
		_, err := it.conn.Conn().PgConn().CopyFrom(ctx, strings.NewReader(asked.Text), asked.SQL)
		return nil, err
	case "listen":
		_, err := it.conn.Exec(ctx, "listen "+pgx.Identifier{asked.Channel}.Sanitize())
		return nil, err
	case "heard":
		return it.heard(ctx)
	case "give", "drop":
		it.giveBack(ctx, asked.Do == "drop")
		return nil, nil
	}
	return nil, fmt.Errorf("unknown word %q", asked.Do)
}

func (it *link) target() asked {
	if it.tx != nil {
		return it.tx
	}
	return it.conn
}

// Several statements go in one batch: all are sent before the first is answered.
func (it *link) run(ctx context.Context, statements []statement) ([]answer, error) {
	texts := make([]string, len(statements))
	for at, each := range statements {
		texts[at] = each.SQL
		if each.Name == "" {
			continue
		}
		if _, err := it.conn.Conn().Prepare(ctx, each.Name, each.SQL); err != nil {
			return nil, err
		}
		texts[at] = each.Name
	}
	if len(statements) == 1 {
		rows, err := it.target().Query(ctx, texts[0], statements[0].Params...)
		if err != nil {
			return nil, err
		}
		one, err := read(rows)
		return []answer{one}, err
	}
	batch := &pgx.Batch{}
	for at, each := range statements {
		batch.Queue(texts[at], each.Params...)
	}
	results := it.target().SendBatch(ctx, batch)
	answers, err := readAll(results, len(statements))
	return answers, errors.Join(err, results.Close())
}

func readAll(results pgx.BatchResults, count int) ([]answer, error) {
	answers := make([]answer, 0, count)
	for range count {
		rows, err := results.Query()
		if err != nil {
			return nil, err
		}
		one, err := read(rows)
		if err != nil {
			return nil, err
		}
		answers = append(answers, one)
	}
	return answers, nil
}

func read(rows pgx.Rows) (answer, error) {
	defer rows.Close()
	read := answer{Rows: [][]*string{}}
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return read, err
		}
		row := make([]*string, len(values))
		for at, value := range values {
			if value != nil {
				text := fmt.Sprint(value)
				row[at] = &text
			}
		}
		read.Rows = append(read.Rows, row)
	}
	rows.Close()
	read.Count = rows.CommandTag().RowsAffected()
	return read, rows.Err()
}

func (it *link) heard(ctx context.Context) ([]answer, error) {
	if err := it.conn.Ping(ctx); err != nil {
		return nil, err
	}
	heard := answer{Rows: [][]*string{}}
	for _, payload := range it.box.take(it.conn.Conn().PgConn()) {
		heard.Rows = append(heard.Rows, []*string{&payload})
	}
	return []answer{heard}, nil
}

func (it *link) giveBack(ctx context.Context, isBroken bool) {
	if it.conn == nil {
		return
	}
	if isBroken {
		// The pool throws a closed connection away.
		_ = it.conn.Conn().Close(ctx)
	}
	it.conn.Release()
	it.conn, it.tx = nil, nil
}

func (it *link) answer(ctx context.Context, asked request) reply {
	answers, err := it.do(ctx, asked)
	if err == nil {
		return reply{ID: asked.ID, Answers: answers}
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return reply{ID: asked.ID, Error: refused.Code}
	}
	// COMMIT was answered by ROLLBACK.
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return reply{ID: asked.ID, Error: "25P02"}
	}
	fmt.Fprintln(os.Stderr, "pgx:", err)
	return reply{ID: asked.ID, Lost: "connection"}
}

func openPool(ctx context.Context, chosen options, box *mailbox) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(chosen.URL)
	if err != nil {
		return nil, err
	}
	config.MaxConns = chosen.Size
	config.ConnConfig.OnNotification = func(conn *pgconn.PgConn, heard *pgconn.Notification) {
		box.put(conn, heard.Payload)
	}
	return pgxpool.NewWithConfig(ctx, config)
}

func readRequest(line []byte) (request, error) {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return asked, err
	}
	for _, each := range asked.Statements {
		for at, param := range each.Params {
			if number, isNumber := param.(float64); isNumber {
				each.Params[at] = int64(number)
			}
		}
	}
	return asked, nil
}

func serve(ctx context.Context, pool *pgxpool.Pool, box *mailbox) error {
	var writing sync.Mutex
	output := json.NewEncoder(os.Stdout)
	links := map[int64]chan request{}
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 64<<20)
	for input.Scan() {
		asked, err := readRequest(input.Bytes())
		if err != nil {
			return err
		}
		queue, isKnown := links[asked.On]
		if !isKnown {
			queue = make(chan request, 64)
			links[asked.On] = queue
			it := &link{pool: pool, box: box}
			go func() {
				for each := range queue {
					told := it.answer(ctx, each)
					writing.Lock()
					_ = output.Encode(told)
					writing.Unlock()
				}
			}()
		}
		queue <- asked
	}
	return input.Err()
}

func main() {
	var chosen options
	ctx := context.Background()
	box := &mailbox{of: map[*pgconn.PgConn][]string{}}
	err := json.Unmarshal([]byte(os.Args[1]), &chosen)
	var pool *pgxpool.Pool
	if err == nil {
		pool, err = openPool(ctx, chosen, box)
	}
	if err == nil {
		err = serve(ctx, pool, box)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgx:", err)
		os.Exit(1)
	}
}
