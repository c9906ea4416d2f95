//! Programs spelled in C, read by a person and by a compiler.

use super::*;
use std::io::Write;
use std::process::{Command, Stdio};

fn case(program: &str, claims: &[(usize, &str)]) -> Case {
    let program = Program::parse(program).unwrap();
    let mut all = vec![None; program.steps.len()];
    for (n, claim) in claims {
        all[*n] = Some(Claim::parse(claim).unwrap());
    }
    Case {
        id: "t::c".into(),
        program,
        claims: all,
        needs: Vec::new(),

        is_grid: false,
        is_unclaimed: false,
        why: "why".into(),
        cite: Vec::new(),
        file: "cases/t.toml".into(),
        line: 1,
    }
}

fn spelled(program: &str, claims: &[(usize, &str)]) -> String {
    in_c(&case(program, claims), &Scale::ordinary(4096)).join("\n")
}

const EVERYTHING: &str = "size 1page + 1\ncontent \"abc\"*10\n\
    open file = open(file, O_RDWR)\n\
    step other = open(new, O_RDWR|O_CREAT, 416)\n\
    step p = pipe()\n\
    step double = process()\n\
    own map = mmap(NULL, eof, PROT_READ|PROT_WRITE, MAP_SHARED, file, 1page)\n\
    step two = mmap(arena + 16page, 2page, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)\n\
    step mmap(0x7000, max, PROT_READ, 0, dev-zero, -1page)\n\
    step load(map + 1page, 1)\n\
    step load(map + eof - 1, 7)\n\
    step store(map, \"x\")\n\
    step store(map, \"say \\\"hi??\\\"\")\n\
    step store(map, x\"00 01 ff\")\n\
    step store(map, \"ab\"*1page)\n\
    step fill(map, 1page, \"'\")\n\
    step mprotect(map, 1page, PROT_READ)\n\
    step msync(map, 1page, MS_SYNC)\n\
    step n = pread(file, buf, 5, 0)\n\
    step read(file, map + 3, 5)\n\
    step pwrite(file, \"hello\", 5, eof)\n\
    step write(p.write, map, 1page)\n\
    step at = lseek(file, 0, SEEK_END)\n\
    step size(file)\n\
    step s = size(other)\n\
    step ftruncate(file, 1TiB)\n\
    step truncate(file, 1page)\n\
    step rename(file, new)\n\
    step link(new, link)\n\
    step fallocate(file, FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE, 0, 1page)\n\
    step fsync(file)\n\
    step fdatasync(file)\n\
    step twin = dup(file)\n\
    step fcntl(memfd-sealable, F_ADD_SEALS, F_SEAL_WRITE)\n\
    step seals = fcntl(memfd-sealable, F_GET_SEALS)\n\
    step times(file)\n\
    step moved(file, mtime|ctime)\n\
    step readv(file, map, 3, map + 1page, 5)\n\
    step writev(file, map, 3)\n\
    step preadv2(file, buf, 3, 0, RWF_DSYNC)\n\
    step sent = pwritev2(file, \"abc\", 3, 1page)\n\
    step send(socket, \"abc\", 3)\n\
    step recv(socket.other, map, 3, MSG_PEEK)\n\
    step sendfile(p.write, file, 5)\n\
    step spliced = splice(file, p.write, 5, SPLICE_F_MOVE)\n\
    step vmsplice(p.write, map, 5)\n\
    step copy_file_range(file, other, 5)\n\
    step secret = memfd_secret()\n\
    step mfd = memfd_create(\"name\", MFD_ALLOW_SEALING)\n\
    step object = shm_open(\"name\", O_RDWR|O_CREAT)\n\
    step shm_unlink(\"name\")\n\
    step setrlimit(RLIMIT_AS, used + 16page)\n\
    step keep(CAP_IPC_LOCK)\n\
    step setuid(1000)\n\
    step id = shmget(IPC_PRIVATE, 1page, IPC_CREAT|S_IRUSR|S_IWUSR)\n\
    step shared = shmat(id, NULL, SHM_RDONLY)\n\
    step nattch(id)\n\
    step shmdt(shared)\n\
    step shmctl(id, IPC_RMID)\n\
    step shmget(key, 1page, 0)\n\
    step aio_read(file, map, 5, 0)\n\
    step done = aio_write(file, \"abc\", 3, 1page)\n\
    step uring_read(file, map, 5, 0)\n\
    step uring_write(file, map, 5, 0, IORING_REGISTER_BUFFERS)\n\
    step child = fork()\n\
    step process_vm_readv(child, buf, map, 5)\n\
    step core_read(child, buf, map, 5)\n\
    step process_vm_writev(child, \"abc\", map, 3)\n\
    step t = thread()\n\
    step child: load(map, 1)\n\
    step t: munmap(map, 1page)\n\
    step child: exit(3)\n\
    step wait(child)\n\
    step wait(t)\n\
    step wait(double)\n\
    step close(pipe.read)\n\
    step close(pipe.write)\n\
    step close(socket)\n\
    step close(memfd)\n\
    step close(path)\n\
    step close(dir)\n\
    step close(dev-null)\n\
    step close(epoll)\n\
    step close(eventfd)\n\
    step close(proc-file)\n\
    step close(memfd-sealable)\n\
    step close(socket.other)\n\
    step close(datagram)\n\
    step close(datagram.other)\n\
    step close(tcp)\n\
    step close(fifo)\n\
    step close(tty)\n\
    step close(tty.master)\n\
    step close(dev-full)\n\
    step close(dev-random)\n\
    step close(dev-urandom)\n\
    step close(sysfs-file)\n\
    step close(proc-mem)\n\
    step close(timerfd)\n\
    step close(signalfd)\n\
    step close(inotify)\n\
    step close(pidfd)\n\
    step close(dir-path)\n\
    step close(symlink)\n\
    step close(block-device)\n\
    step close(closed)\n\
    step close(wild)\n\
    step close(77)\n\
    step unlink(dir)\n";

const SPACE: &str = "own map = mmap(arena, 8page, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)\n\
    step moved = mremap(map, 1page, 2page, MREMAP_MAYMOVE|MREMAP_FIXED, arena + 16page)\n\
    step remap_file_pages(map, 1page, PROT_NONE, 1)\n\
    step madvise(map, 1page, MADV_DONTNEED)\n\
    step posix_madvise(map, 1page, POSIX_MADV_RANDOM)\n\
    step mincore(map, 1page)\n\
    step mlock(map, 1page)\n\
    step mlock2(map, 1page, MLOCK_ONFAULT)\n\
    step munlock(map, 1page)\n\
    step mlockall(MCL_CURRENT|MCL_FUTURE)\n\
    step munlockall()\n\
    step mseal(map, 1page)\n\
    step start = brk(NULL)\n\
    step brk(start + 1page)\n\
    step key = pkey_alloc(0, PKEY_DISABLE_WRITE)\n\
    step pkey_mprotect(map, 1page, PROT_READ, key)\n\
    step pkey_free(key)\n\
    step prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, map, 1page, \"mine\")\n\
    step prctl(PR_GET_MDWE)\n\
    step personality(ADDR_NO_RANDOMIZE)\n\
    step areas(map, 8page)\n\
    step smaps(map, 8page, Rss)\n\
    step vmflags(map, lo|dd)\n\
    step before = status(VmSize)\n\
    step store(map, code)\n\
    step execute(map)\n\
    step p = pidfd(main)\n\
    step process_madvise(p, map, 1page, MADV_COLD)\n";

#[test]
fn the_calls_on_the_address_space_are_spelled() {
    insta::assert_snapshot!(spelled(SPACE, &[]), @r##"
    /* pages of 4096 bytes */
    /* arena: a range where nothing lies */
    /* code: the instructions of a function that returns 42 */
    /* each call goes straight to the kernel, as by syscall(2) */
    /* memory is touched byte by byte; a signal is caught, and the case goes on */
    char *map = mmap(arena, 32768, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0);
    char *moved = mremap(map, 4096, 8192, MREMAP_MAYMOVE|MREMAP_FIXED, arena + 65536);
    remap_file_pages(map, 4096, PROT_NONE, 1, 0);
    madvise(map, 4096, MADV_DONTNEED);
    posix_madvise(map, 4096, POSIX_MADV_RANDOM);
    mincore(map, 4096, buf);
    mlock(map, 4096);
    mlock2(map, 4096, MLOCK_ONFAULT);
    munlock(map, 4096);
    mlockall(MCL_CURRENT|MCL_FUTURE);
    munlockall();
    syscall(SYS_mseal, map, 4096, 0);
    char *start = (char *)syscall(SYS_brk, NULL);
    syscall(SYS_brk, start + 4096);
    int key = pkey_alloc(0, PKEY_DISABLE_WRITE);
    pkey_mprotect(map, 4096, PROT_READ, key);
    pkey_free(key);
    prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, map, 4096, "mine");
    prctl(PR_GET_MDWE, 0, NULL, 0, NULL);
    personality(ADDR_NO_RANDOMIZE);
    /* look into /proc/self/maps: areas(map, 8page) */
    /* look into /proc/self/smaps: smaps(map, 8page, Rss) */
    /* look into /proc/self/smaps: vmflags(map, lo|dd) */
    /* look into /proc/self/status: status(VmSize) */
    memcpy(map, code, sizeof code);
    ((int (*)(void))(map))();
    int p = syscall(SYS_pidfd_open, getpid(), 0);
    range = (struct iovec){ map, 4096 }; process_madvise(p, &range, 1, MADV_COLD, 0);
    "##);
}

#[test]
fn every_call_is_spelled() {
    let text = EVERYTHING.replace("\\\"", "");
    insta::assert_snapshot!(spelled(&text, &[(4, "ok"), (7, "SIGBUS BUS_ADRERR at map + 1page"), (10, "x\"2a 2f\" | \"*/\"")]), @r##"
    /* pages of 4096 bytes */
    /* "file": 4097 bytes, "abc"*10, then a hole */
    /* arena: a range where nothing lies */
    /* each call goes straight to the kernel, as by syscall(2) */
    /* memory is touched byte by byte; a signal is caught, and the case goes on */
    int block_device = open("/dev/vda", O_RDONLY);
    int closed = dup(0); close(closed);
    int datagrams[2]; socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams);
    int dev_full = open("/dev/full", O_RDWR);
    int dev_null = open("/dev/null", O_RDWR);
    int dev_random = open("/dev/random", O_RDONLY);
    int dev_urandom = open("/dev/urandom", O_RDONLY);
    int dev_zero = open("/dev/zero", O_RDWR);
    int dir = open(".", O_RDONLY|O_DIRECTORY);
    int dir_path = open(".", O_PATH);
    int epoll = epoll_create1(0);
    int event = eventfd(0, 0);
    int fifo = open("fifo", O_RDWR);
    int watch = inotify_init1(0);
    int memfd = memfd_create("memfd", 0); ftruncate(memfd, 4097);
    int memfd_sealable = memfd_create("memfd", MFD_ALLOW_SEALING); ftruncate(memfd_sealable, 4097);
    int path = open("file", O_PATH);
    int pidfd = syscall(SYS_pidfd_open, getpid(), 0);
    int pipe_ends[2]; pipe(pipe_ends);
    int proc_file = open("/proc/self/status", O_RDONLY);
    int proc_mem = open("/proc/self/mem", O_RDWR);
    int signals = signalfd(-1, &(sigset_t){0}, 0);
    int pair[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    int symlink = open("link", O_PATH|O_NOFOLLOW);
    int sysfs_file = open("/sys/devices/system/cpu/online", O_RDONLY);
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    int terminal[2] = { -1, posix_openpt(O_RDWR|O_NOCTTY) }; unlockpt(terminal[1]); terminal[0] = open(ptsname(terminal[1]), O_RDWR|O_NOCTTY);
    int wild = 1000000; /* never was a descriptor */
    int fd = open("file", O_RDWR);
    int other = open("new", O_RDWR|O_CREAT, 0640);
    int p[2]; pipe(p);
    pid_t double_;  /* double was started before, and shares nothing but the files */
    char *map = mmap(NULL, 4097, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 4096);  /* ok */
    char *two = mmap(arena + 65536, 8192, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0);
    mmap((void *)0x7000, 0xffffffffffffffff, PROT_READ, 0, dev_zero, -4096);
    *(volatile char *)(map + 4096);  /* SIGBUS BUS_ADRERR at map + 1page */
    memcpy(bytes, map + 4096, 7);
    *(volatile char *)(map) = 'x';
    memcpy(map, "say hi\?\?", 8);  /* "* /" | "* /" */
    memcpy(map, "\000\001\377", 3);
    memcpy(map, bytes, 8192);  /* "ab"*1page */
    memset(map, '\'', 4096);
    mprotect(map, 4096, PROT_READ);
    msync(map, 4096, MS_SYNC);
    ssize_t n = pread(fd, buf, 5, 0);
    read(fd, map + 3, 5);
    pwrite(fd, "hello", 5, 4097);
    write(p[1], map, 4096);
    off_t at = lseek(fd, 0, SEEK_END);
    fstat(fd, &st); st.st_size;
    fstat(other, &st); off_t s = st.st_size;
    ftruncate(fd, 0x10000000000);
    truncate("file", 4096);
    rename("file", "new");
    link("new", "link");
    fallocate(fd, FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE, 0, 4096);
    fsync(fd);
    fdatasync(fd);
    int twin = dup(fd);
    fcntl(memfd_sealable, F_ADD_SEALS, F_SEAL_WRITE);
    int seals = fcntl(memfd_sealable, F_GET_SEALS, 0);
    futimens(fd, (struct timespec[]){{1000000000, 0}, {1000000000, 0}}); fstat(fd, &st);
    fstat(fd, &st);  /* which of mtime|ctime moved? */
    readv(fd, (struct iovec[]){{map, 3}, {map + 4096, 5}}, 2);
    writev(fd, (struct iovec[]){{map, 3}, {NULL, 0}}, 2);
    preadv2(fd, (struct iovec[]){{buf, 3}}, 1, 0, RWF_DSYNC);
    ssize_t sent = pwritev2(fd, (struct iovec[]){{"abc", 3}}, 1, 4096, 0);
    send(pair[0], "abc", 3, 0);
    recv(pair[1], map, 3, MSG_PEEK);
    sendfile(p[1], fd, 0, 5);
    off_t spliced = splice(fd, 0, p[1], 0, 5, SPLICE_F_MOVE);
    vmsplice(p[1], (struct iovec[]){{map, 5}}, 1, 0);
    copy_file_range(fd, 0, other, 0, 5, 0);
    int secret = syscall(SYS_memfd_secret, 0);
    int mfd = memfd_create("name", MFD_ALLOW_SEALING);
    int object = shm_open("name", O_RDWR|O_CREAT, 0600);
    shm_unlink("name");
    setrlimit(RLIMIT_AS, &(struct rlimit){used + 65536, RLIM_INFINITY});
    ;  /* capset(2): all capabilities but CAP_IPC_LOCK are given up */
    setuid(1000);
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT|S_IRUSR|S_IWUSR);
    char *shared = shmat(id, NULL, SHM_RDONLY);
    ({ struct shmid_ds ds; shmctl(id, IPC_STAT, &ds); ds.shm_nattch; });
    shmdt(shared);
    shmctl(id, IPC_RMID, 0);
    shmget(key, 4096, 0);
    pread(fd, map, 5, 0);  /* as one operation of io_submit(2) */
    ssize_t done = pwrite(fd, "abc", 3, 4096);  /* as one operation of io_submit(2) */
    pread(fd, map, 5, 0);  /* as one operation of io_uring(7) */
    pwrite(fd, map, 5, 0);  /* as one operation of io_uring(7) */
    pid_t child = fork();
    process_vm_readv(child, &(struct iovec){buf, 5}, 1, &(struct iovec){map, 5}, 1, 0);
    ;  /* the 5 bytes at map in the core file of child: readelf -l core */
    process_vm_writev(child, &(struct iovec){"abc", 3}, 1, &(struct iovec){map, 3}, 1, 0);
    pthread_t t;  /* from here on t acts too */
    /* child */ *(volatile char *)(map);
    /* t */ munmap(map, 4096);
    /* child */ _exit(3);
    waitpid(child, &status, 0);
    pthread_join(t, NULL);
    waitpid(double_, &status, 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    close(pair[0]);
    close(memfd);
    close(path);
    close(dir);
    close(dev_null);
    close(epoll);
    close(event);
    close(proc_file);
    close(memfd_sealable);
    close(pair[1]);
    close(datagrams[0]);
    close(datagrams[1]);
    close(tcp);
    close(fifo);
    close(terminal[0]);
    close(terminal[1]);
    close(dev_full);
    close(dev_random);
    close(dev_urandom);
    close(sysfs_file);
    close(proc_mem);
    close(timer);
    close(signals);
    close(watch);
    close(pidfd);
    close(dir_path);
    close(symlink);
    close(block_device);
    close(closed);
    close(wild);
    close(77);
    unlink(".");
    "##);
}

#[test]
fn a_death_and_the_library_s_door_are_told() {
    let text =
        "libc\nsignal\nown map = mmap(NULL, 1page, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)\n";
    insta::assert_snapshot!(spelled(text, &[]), @r##"
    /* pages of 4096 bytes */
    /* a signal kills */
    char *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);
    "##);
}

#[test]
fn the_page_size_is_the_machine_s() {
    let case = case("step munmap(NULL, 2page)\n", &[]);
    let lines = in_c(&case, &Scale::ordinary(65536));
    assert_eq!(lines.last().unwrap(), "munmap(NULL, 131072);");
}

#[test]
fn the_file_is_told() {
    let told = |size: &str, content: &str| {
        let file = FileSpec {
            size: Quantity::parse(size).unwrap(),
            content: crate::case::Bytes::parse(content).unwrap(),
            on: Default::default(),
        };
        told_file(&file, &Scale::ordinary(4096))
    };
    assert_eq!(told("0", "\"\""), "\"file\" is empty");
    assert_eq!(told("3", "\"abc\""), "\"file\": 3 bytes, \"abc\"");
    assert_eq!(
        told("1page", "\"a\"*eof"),
        "\"file\": 4096 bytes, \"a\"*eof"
    );
    assert_eq!(
        told("4", "\"abc\""),
        "\"file\": 4 bytes, \"abc\", then a hole"
    );
}

/// What goes wrong on purpose is told, and not spelled.
#[test]
fn a_fault_is_a_comment() {
    let program = Program::parse("step fault errno(mmap, 2, ENOMEM)\n").unwrap();
    let mut speller = Speller {
        scale: &Scale::ordinary(4096),
        file: &program.file,
        threads: BTreeSet::new(),
    };
    let line = speller.line(&program.steps[0], None);
    assert_eq!(line, "/* fault errno(mmap, 2, ENOMEM) */");
}

/// Every call that a table can make is spelled in some way. Plain ones are all spelled alike.
#[test]
fn no_call_is_forgotten() {
    for call in crate::case::call::all() {
        if matches!(call.act, Act::Fault(_) | Act::Withdraw | Act::Syscall(_)) {
            continue;
        }
        assert!(
            [EVERYTHING, SPACE]
                .iter()
                .any(|all| all.contains(&format!("{}(", call.name))),
            "{}",
            call.name
        );
    }
    for (name, _) in crate::case::call::FIXTURES {
        assert!(EVERYTHING.contains(name), "{name}");
    }
}

#[test]
fn a_compiler_takes_it() {
    let everything = EVERYTHING.replace("\\\"", "");
    let mut source = String::from(
        "#define _GNU_SOURCE\n#include <fcntl.h>\n#include <pthread.h>\n#include <string.h>\n\
         #include <sys/epoll.h>\n#include <sys/eventfd.h>\n#include <sys/mman.h>\n\
         #include <sys/socket.h>\n#include <sys/stat.h>\n#include <sys/wait.h>\n\
         #include <signal.h>\n#include <stdio.h>\n#include <stdlib.h>\n\
         #include <sys/inotify.h>\n#include <sys/resource.h>\n#include <sys/sendfile.h>\n\
         #include <sys/shm.h>\n#include <sys/signalfd.h>\n#include <sys/syscall.h>\n\
         #include <sys/timerfd.h>\n#include <sys/uio.h>\n#include <time.h>\n\
         #include <sys/personality.h>\n#include <sys/prctl.h>\n#include <unistd.h>\n\
         #ifndef SYS_mseal\n#define SYS_mseal 462\n#endif\n\
         #ifndef PR_GET_MDWE\n#define PR_GET_MDWE 66\n#endif\n\
         char code[8];\n\
         void f(char *arena, char *buf, char *bytes, struct stat st, int status, key_t key, size_t used) {\n",
    );
    source.push_str(&spelled(&everything, &[(4, "ok"), (9, "\"*/\"")]));
    source.push_str("\n}\n");
    source.push_str("void g(char *arena, unsigned char *buf, struct iovec range) {\n");
    source.push_str(&spelled(SPACE, &[]));
    source.push_str("\n}\n");
    let mut cc = Command::new("cc")
        .args([
            "-fsyntax-only",
            "-std=gnu11",
            "-Wall",
            "-Werror",
            "-xc",
            "-",
        ])
        .args([
            "-Wno-unused-value",
            "-Wno-unused-variable",
            "-Wno-unused-result",
        ])
        .args(["-Wno-uninitialized", "-Wno-overflow"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    cc.stdin
        .take()
        .unwrap()
        .write_all(source.as_bytes())
        .unwrap();
    let out = cc.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}\n{source}");
}
