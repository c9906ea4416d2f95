use super::*;

fn mistakes(steps: &[&str]) -> Vec<(usize, String)> {
    let steps: Vec<Written> = steps.iter().map(|s| Written::parse(s).unwrap()).collect();
    check(&steps, &FileSpec::default(), false)
        .into_iter()
        .map(|m| (m.step, m.mistake.to_string()))
        .collect()
}

fn only(steps: &[&str]) -> String {
    let found = mistakes(steps);
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].1.clone()
}

const MAP: &str = "map = mmap(NULL, 1page, PROT_READ, MAP_SHARED|MAP_ANONYMOUS, -1, 0)";

#[test]
fn good_steps_pass() {
    let steps = [
        MAP,
        "child = fork()",
        "child: load(map, 2) = x\"00 00\" | SIGBUS BUS_ADRERR at map",
        "child: exit(3)",
        "wait(child) = exit 3",
    ];
    assert_eq!(mistakes(&steps), []);
}

#[test]
fn names() {
    assert_eq!(
        only(&[MAP, "load(mop, 1)"]),
        "nothing is bound to `mop` here; did you mean `map`?"
    );
    assert!(only(&[MAP, MAP]).starts_with("`map` is already bound"));
    assert!(only(&[MAP, "close(map)"]).starts_with("`map` is an address"));
    assert!(only(&["page = open(new, O_RDWR)"]).starts_with("`page` has a meaning"));
    assert!(only(&["chidl: exit(0)"]).contains("make it first"));
}

#[test]
fn processes_do_not_share_what_they_make() {
    let child_maps = format!("child: {}", MAP.replace("map =", "other ="));
    let found = only(&["child = fork()", &child_maps, "load(other, 1)"]);
    assert!(found.starts_with("`other` was made by another process"));
    let thread_maps = child_maps.replace("child", "t");
    assert_eq!(
        mistakes(&["t = thread()", &thread_maps, "load(other, 1)"]),
        []
    );
    let found = only(&[MAP, "peer = process()"]);
    assert!(found.contains("move this step to `before`"));
}

#[test]
fn a_thread_ends_alone_and_a_process_with_its_threads() {
    assert_eq!(
        mistakes(&["t = thread()", "wait(t)", "close(-1)", "exit(0)"]),
        []
    );
    let found = only(&["t = thread()", "wait(t)", "t: close(-1)"]);
    assert_eq!(found, "`t` has already ended");
    let found = only(&["t = thread()", "t: exit(0)", "close(-1)"]);
    assert_eq!(found, "`main` has already ended");
}

#[test]
fn who_has_ended_acts_no_more() {
    let found = only(&["child = fork()", "child: exit(0)", "child: exit(1)"]);
    assert_eq!(found, "`child` has already ended");
}

#[test]
fn claims_that_can_never_hold() {
    for (step, why) in [
        ("munmap(map, 1page) = \"x\"", "munmap gives no bytes"),
        (
            "munmap(map, 1page) = SIGBUS",
            "munmap touches no memory itself",
        ),
        ("load(map, 2) = x\"00\"", "1 bytes are claimed of 2"),
        ("load(map, 1) = EINVAL", "load is no system call"),
        (
            "pread(file, buf, 1, 0) = \"ab\"",
            "2 bytes are claimed of 1",
        ),
        ("lseek(file, 0, SEEK_SET) = exit 0", "only wait() tells"),
    ] {
        let found = mistakes(&["file = open(file, O_RDWR)", MAP, step]);
        let found = found.iter().filter(|f| f.0 == 2).collect::<Vec<_>>();
        assert_eq!(found.len(), 1, "{step}");
        assert!(found[0].1.contains(why), "{} has not {why}", found[0].1);
    }
}

#[test]
fn what_looks_past_a_mapping_lies_in_the_arena() {
    assert!(only(&[MAP, "load(map + 1page, 1)"]).contains("goes past `map`"));
    assert!(only(&[MAP, "munmap(map, 2page)"]).contains("goes past `map`"));
    assert_eq!(
        mistakes(&[MAP, "munmap(map, max)", "load(map + 1page - 1, 1)"]),
        []
    );
    let fixed = "map = mmap(arena + 2page, 1page, PROT_READ, \
        MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)";
    assert_eq!(
        mistakes(&[fixed, "load(map + 1page, 1)", "munmap(map - 1page, 3page)"]),
        []
    );
}

#[test]
fn quantities_fit_their_types() {
    assert!(only(&["munmap(arena, -1page)"]).contains("negative"));
    assert!(only(&["munmap(arena, max + 1)"]).contains("more than its type can hold"));
    assert_eq!(mistakes(&["lseek(wild, -1page, SEEK_SET)"]), []);
    assert!(only(&["lseek(wild, 0x8000000000000000, SEEK_SET)"]).contains("more than"));
}
