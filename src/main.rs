//! The command.
use mmapcheck::machine::{connection, kernel, pool};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|a| a == "worker") {
        std::process::exit(kernel::serve());
    }
    let n: usize = args[2].parse().unwrap();
    let program = std::fs::read_to_string(&args[1]).unwrap();
    let config = pool::Config {
        command: vec![std::env::current_exe().unwrap().into(), "worker".into()],
        start: kernel::Start {
            dir: args.get(4).cloned().unwrap_or("/tmp".into()).into(),
            door: Default::default(),
            root: false,
            pipe_journal: args.get(5).is_some(),
            cpu: Some(0),
            memory: 512 << 20,
        },
        jobs: args.get(3).map_or(1, |j| j.parse().unwrap()),
        silence: std::time::Duration::from_secs(20),
    };
    let t = std::time::Instant::now();
    let mut last = None;
    let r = config.run(
        (0..n).map(|index| connection::Job {
            index,
            program: program.clone(),
        }),
        &mut |_, a| last = Some(a),
    );
    match last {
        Some(connection::Answer::Ran(t)) => print!(
            "{}",
            t.block(&mmapcheck::case::Program::parse(&program).unwrap())
        ),
        o => println!("{o:?}"),
    }
    eprintln!(
        "{r:?} {:?} per case {:?}",
        t.elapsed(),
        t.elapsed() / n as u32
    );
}
