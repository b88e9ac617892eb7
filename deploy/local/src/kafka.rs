//! Apache Kafka: one node in KRaft mode, broker and controller in one process.
//!
//! Topics are created by those who own them, never by a misspelt name (`auto.create.topics.enable=false`), and never
//! lose records by age: a record of the ledger carries the time of its purchase, which may lie years back.
//! The controller takes a killed broker back only when its old session is over, so sessions are short.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::port::Port;
use crate::probe::Probe;
use crate::server::Plan;
use crate::stack::Site;
use crate::tool::{self, Tool};
use crate::watched::{Launch, OnOwnerDeath};
use crate::{ServerKind, StackError};

// 16 bytes in base64, as Kafka wants it; a stack never talks to another, so one name does for all.
const CLUSTER_ID: &str = "b3duLWNpcmNsZS1sb2NhbA";

const LOGGING: &str = "\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
";

pub(crate) fn plan(site: &Site<'_>) -> Result<Plan, StackError> {
    let java = tool::find(Tool::Java)?;
    let library = site.cache.server(ServerKind::Kafka)?;
    let folder = site.folder.join("kafka");
    let (client, controller) = (Port::reserve()?, Port::reserve()?);
    let data = folder.join("data");
    fs::create_dir_all(&folder).map_err(StackError::io(format!("creating {}", folder.display())))?;
    let properties = folder.join("server.properties");
    write(&properties, &settings(&data, client.number(), controller.number()))?;
    let logging = folder.join("log4j2.properties");
    write(&logging, LOGGING)?;
    let mut class_path = library.into_os_string();
    class_path.push("/*");
    let java_command = |heap: &str, class: &str| -> Vec<OsString> {
        let mut logging_option = OsString::from("-Dlog4j2.configurationFile=");
        logging_option.push(&logging);
        let java = java.clone().into_os_string();
        vec![java, heap.into(), logging_option, "-cp".into(), class_path.clone(), class.into()]
    };
    if !data.join("meta.properties").is_file() {
        let mut format = java_command("-Xmx256m", "kafka.tools.StorageTool");
        format.extend(["format", "--ignore-formatted", "-t", CLUSTER_ID, "-c"].map(OsString::from));
        format.push(properties.clone().into_os_string());
        run_format(&format)?;
    }
    let mut command = java_command("-Xmx512m", "kafka.Kafka");
    command.push(properties.into_os_string());
    Ok(Plan {
        kind: ServerKind::Kafka,
        launch: Launch {
            name: "Kafka".to_owned(),
            command,
            environment: [].into(),
            folder,
            log: site.folder.join("kafka.log"),
            account: None,
            on_owner_death: OnOwnerDeath::Kill,
        },
        probe: Probe::Kafka(client.number()),
        address: format!("127.0.0.1:{}", client.number()),
        stop_signal: Signal::TERM,
        ready_limit: site.options.ready_limit,
        _ports: vec![client, controller],
    })
}

fn settings(data: &Path, client: u16, controller: u16) -> String {
    // In a properties file a backslash escapes.
    let data = data.display().to_string().replace('\\', "\\\\");
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\n\
         log.dirs={data}\n\
         auto.create.topics.enable=false\n\
         offsets.topic.replication.factor=1\n\
         offsets.topic.num.partitions=4\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n\
         broker.heartbeat.interval.ms=500\n\
         broker.session.timeout.ms=3000\n\
         log.retention.ms=-1\n\
         log.cleaner.dedupe.buffer.size=16777216\n"
    )
}

fn run_format(command: &[OsString]) -> Result<(), StackError> {
    let (program, arguments) =
        command.split_first().map_or((OsString::new(), [].as_slice()), |(p, a)| (p.clone(), a));
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(StackError::io("running Kafka's storage tool"))?;
    if output.status.success() {
        return Ok(());
    }
    let log = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Err(StackError::Ended { name: "Kafka's storage tool".to_owned(), status: output.status.to_string(), log })
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), StackError> {
    fs::write(path, text).map_err(StackError::io(format!("writing {}", path.display())))
}
