//! One of the checker's clients: does with tokio-postgres, through deadpool's pool, what the process that keeps the books asks for (../../bridge.ts has the words).

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use deadpool_postgres::{
    GenericClient, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod,
};
use futures_util::future::{poll_fn, try_join_all};
use futures_util::SinkExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Config, CopyInSink, IsolationLevel, NoTls, Row};

const BORROW_LIMIT: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Options {
    url: String,
    size: usize,
}

#[derive(Deserialize)]
struct Statement {
    sql: String,
    params: Vec<Value>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Request {
    id: u64,
    on: u64,
    r#do: String,
    #[serde(default)]
    isolation: String,
    #[serde(default)]
    statements: Vec<Statement>,
    #[serde(default)]
    sql: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    channel: String,
}

#[derive(Serialize)]
struct Answer {
    rows: Vec<Vec<Option<String>>>,
    count: u64,
}

/// What went wrong: the server's SQLSTATE, or a word for a connection that is of no use any more.
enum Fault {
    Refused(String),
    Lost(&'static str),
}

type Told = Result<Vec<Answer>, Fault>;

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(state) => Fault::Refused(state.code().to_string()),
            None => {
                eprintln!("tokio-postgres: {error}");
                Fault::Lost("connection")
            }
        }
    }
}

impl From<PoolError> for Fault {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            _ => Fault::Lost("pool"),
        }
    }
}

type Param = Box<dyn ToSql + Sync + Send>;

fn param(value: &Value) -> Param {
    match value {
        Value::Number(number) => Box::new(number.as_i64().unwrap_or_default() as i32),
        Value::String(text) => Box::new(text.clone()),
        _ => Box::new(None::<String>),
    }
}

fn texts(row: &Row) -> Vec<Option<String>> {
    (0..row.len()).map(|at| row.get(at)).collect()
}

/// As its type is prepared: what has columns is a query. With a name in the wish it is kept in the connection's cache.
async fn one(client: &impl GenericClient, asked: &Statement) -> Result<Answer, Fault> {
    let prepared = match asked.name {
        Some(_) => client.prepare_cached(&asked.sql).await?,
        None => client.prepare(&asked.sql).await?,
    };
    let params: Vec<Param> = asked.params.iter().map(param).collect();
    let given: Vec<&(dyn ToSql + Sync)> = params
        .iter()
        .map(|each| each.as_ref() as &(dyn ToSql + Sync))
        .collect();
    if prepared.columns().is_empty() {
        let count = client.execute(&prepared, &given).await?;
        return Ok(Answer {
            rows: vec![],
            count,
        });
    }
    let rows: Vec<Vec<Option<String>>> = client
        .query(&prepared, &given)
        .await?
        .iter()
        .map(texts)
        .collect();
    let count = rows.len() as u64;
    Ok(Answer { rows, count })
}

/// At once: the driver pipelines what is polled together.
async fn run(client: &impl GenericClient, asked: &[Statement]) -> Told {
    try_join_all(asked.iter().map(|each| one(client, each))).await
}

async fn feed(sink: Result<CopyInSink<Bytes>, tokio_postgres::Error>, text: String) -> Told {
    let mut sink = Box::pin(sink?);
    sink.send(Bytes::from(text)).await?;
    sink.as_mut().finish().await?;
    Ok(vec![])
}

/// Its own way: a connection of its own, whose messages somebody polls.
struct Ear {
    _client: tokio_postgres::Client,
    heard: mpsc::UnboundedReceiver<String>,
}

async fn listen(config: &Config, channel: &str) -> Result<Ear, Fault> {
    let (client, mut connection) = config.connect(NoTls).await?;
    let (tell, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(note) = message {
                let _ = tell.send(note.payload().to_string());
            }
        }
    });
    client
        .batch_execute(&format!("listen \"{channel}\""))
        .await?;
    Ok(Ear {
        _client: client,
        heard,
    })
}

/// One connection number: what it has borrowed, and what it hears.
struct Link {
    pool: Pool,
    config: Config,
    object: Option<Object>,
    ear: Option<Ear>,
    requests: mpsc::UnboundedReceiver<Request>,
    replies: mpsc::UnboundedSender<String>,
}

fn isolation_of(words: &str) -> IsolationLevel {
    match words {
        "serializable" => IsolationLevel::Serializable,
        "repeatable read" => IsolationLevel::RepeatableRead,
        _ => IsolationLevel::ReadCommitted,
    }
}

fn reply(id: u64, told: Told) -> String {
    let value = match told {
        Ok(answers) => serde_json::json!({ "id": id, "answers": answers }),
        Err(Fault::Refused(code)) => serde_json::json!({ "id": id, "error": code }),
        Err(Fault::Lost(word)) => serde_json::json!({ "id": id, "lost": word }),
    };
    value.to_string()
}

impl Link {
    async fn serve(mut self) {
        while let Some(request) = self.requests.recv().await {
            if request.r#do == "begin" {
                if self.transact(request).await.is_none() {
                    return;
                }
                continue;
            }
            let id = request.id;
            let told = self.outside(request).await;
            let _ = self.replies.send(reply(id, told));
        }
    }

    async fn outside(&mut self, request: Request) -> Told {
        match request.r#do.as_str() {
            "borrow" => {
                let got = tokio::time::timeout(BORROW_LIMIT, self.pool.get()).await;
                self.object = Some(got.map_err(|_| Fault::Lost("timeout"))??);
                Ok(vec![])
            }
            "give" => {
                self.object = None;
                self.ear = None;
                Ok(vec![])
            }
            "drop" => {
                self.ear = None;
                // Taken from the pool, it is closed by being dropped.
                drop(self.object.take().map(Object::take));
                Ok(vec![])
            }
            "listen" => {
                self.ear = Some(listen(&self.config, &request.channel).await?);
                Ok(vec![])
            }
            "heard" => self.heard(),
            "run" => run(self.client()?, &request.statements).await,
            "copy" => feed(self.client()?.copy_in(&request.sql).await, request.text).await,
            // A COMMIT that was refused has ended it.
            "rollback" => self.client().map(|_| vec![]),
            word => unreachable!("{word} outside of a transaction"),
        }
    }

    fn client(&self) -> Result<&Object, Fault> {
        self.object.as_ref().ok_or(Fault::Lost("not borrowed"))
    }

    fn heard(&mut self) -> Told {
        let mut rows = vec![];
        let ear = self.ear.as_mut().ok_or(Fault::Lost("not listening"))?;
        loop {
            match ear.heard.try_recv() {
                Ok(payload) => rows.push(vec![Some(payload)]),
                Err(mpsc::error::TryRecvError::Empty) => break,
                // What came before is told first.
                Err(mpsc::error::TryRecvError::Disconnected) if rows.is_empty() => {
                    return Err(Fault::Lost("listener"))
                }
                Err(mpsc::error::TryRecvError::Disconnected) => break,
            }
        }
        let count = rows.len() as u64;
        Ok(vec![Answer { rows, count }])
    }

    /// From its BEGIN to its end, in the way of the driver: the transaction borrows its client. None when nobody asks any more.
    async fn transact(&mut self, begin: Request) -> Option<()> {
        let Some(mut object) = self.object.take() else {
            return self
                .replies
                .send(reply(begin.id, Err(Fault::Lost("not borrowed"))))
                .ok();
        };
        if self.steps(&mut object, begin).await? {
            self.object = Some(object);
        } else {
            drop(Object::take(object));
        }
        Some(())
    }

    /// False when the connection is to be closed.
    async fn steps(&mut self, object: &mut Object, begin: Request) -> Option<bool> {
        let started = object
            .build_transaction()
            .isolation_level(isolation_of(&begin.isolation))
            .start()
            .await;
        let transaction = match started {
            Ok(transaction) => transaction,
            Err(error) => return self.tell(begin.id, Err(error.into())).map(|()| true),
        };
        self.tell(begin.id, Ok(vec![]))?;
        loop {
            let request = self.requests.recv().await?;
            let told = match request.r#do.as_str() {
                "run" => run(&transaction, &request.statements).await,
                "copy" => feed(transaction.copy_in(&request.sql).await, request.text).await,
                "drop" => return self.tell(request.id, Ok(vec![])).map(|()| false),
                word => {
                    let ended = match word {
                        "commit" => transaction.commit().await,
                        _ => transaction.rollback().await,
                    };
                    return self
                        .tell(request.id, ended.map(|()| vec![]).map_err(Fault::from))
                        .map(|()| true);
                }
            };
            self.tell(request.id, told)?;
        }
    }

    fn tell(&self, id: u64, told: Told) -> Option<()> {
        self.replies.send(reply(id, told)).ok()
    }
}

fn start(
    links: &mut HashMap<u64, mpsc::UnboundedSender<Request>>,
    request: Request,
    make: impl FnOnce(mpsc::UnboundedReceiver<Request>) -> Link,
) {
    let queue = links.entry(request.on).or_insert_with(|| {
        let (queue, requests) = mpsc::unbounded_channel();
        tokio::spawn(make(requests).serve());
        queue
    });
    let _ = queue.send(request);
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options: Options =
        serde_json::from_str(&std::env::args().nth(1).ok_or("options as JSON")?)?;
    let config: Config = options.url.parse()?;
    let recycling_method = RecyclingMethod::Verified;
    let manager = Manager::from_config(config.clone(), NoTls, ManagerConfig { recycling_method });
    let pool = Pool::builder(manager).max_size(options.size).build()?;
    let (replies, mut told) = mpsc::unbounded_channel::<String>();
    let writer = tokio::spawn(async move {
        let mut output = tokio::io::stdout();
        while let Some(line) = told.recv().await {
            if output
                .write_all(format!("{line}\n").as_bytes())
                .await
                .is_err()
                || output.flush().await.is_err()
            {
                return;
            }
        }
    });
    let mut links = HashMap::new();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let make = |requests| Link {
            pool: pool.clone(),
            config: config.clone(),
            object: None,
            ear: None,
            requests,
            replies: replies.clone(),
        };
        start(&mut links, serde_json::from_str(&line)?, make);
    }
    drop((links, replies));
    writer.await?;
    Ok(())
}
