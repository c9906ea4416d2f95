/* How results are told: numbers in the case's own units, addresses by what they start from. */
static MAYBE const char *plain(unsigned long long n)
{
	static const char *unit[] = { "TiB", "GiB", "MiB", "KiB" };
	static char text[4][32];
	static int next;
	char *to = text[next++ % 4];

	for (int i = 0, shift = 40; i < 4; i++, shift -= 10)
		if (n >= 1ULL << shift && !(n % (1ULL << shift)) && n >> shift < 1 << 20) {
			snprintf(to, 32, "%llu%s", n >> shift, unit[i]);
			return to;
		}
	snprintf(to, 32, n >= 1ULL << 32 ? "0x%llx" : "%llu", n);
	return to;
}

static MAYBE const char *pages(long long n, int half, long long rest)
{
	static char text[4][96];
	static int next;
	char *to = text[next++ % 4], page[48];
	long long size = n < 0 ? -n : n;

	if (half && size == 1)
		snprintf(page, sizeof page, "page/2");
	else
		snprintf(page, sizeof page, half ? "%lldpage/2" : "%lldpage", size);
	if (rest == 0)
		snprintf(to, 96, "%s%s", n < 0 ? "-" : "", page);
	else if (n < 0 && rest > 0)
		snprintf(to, 96, "%s - %s", plain(rest), page);
	else
		snprintf(to, 96, "%s%s %c %s", n < 0 ? "-" : "", page, rest < 0 ? '-' : '+',
			 plain(rest < 0 ? -rest : rest));
	return to;
}

static MAYBE const char *number(long long n)
{
	static char text[4][32];
	static int next;
	char *to = text[next++ % 4];
	long long whole = n / PAGE - (n % PAGE < 0), rest = n - whole * PAGE;

	if (n < -64 || n >= 64) {
		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			if (known[i].text && known[i].n == n)
				return known[i].text;
		if (n <= -(PAGE * 3 / 8) || n >= PAGE * 3 / 8) {
			if (rest < PAGE * 3 / 8)
				return pages(whole, 0, rest);
			if (rest <= PAGE * 5 / 8)
				return pages(2 * whole + 1, 1, rest - PAGE / 2);
			return pages(whole + 1, 0, rest - PAGE);
		}
	}
	snprintf(to, 32, "%s%s", n < 0 ? "-" : "", plain(n < 0 ? -n : n));
	return to;
}

static MAYBE void tell_place(const char *base, long long n)
{
	const char *text = number(n);

	if (!base)
		printf("%s", text);
	else if (n == 0)
		printf("%s", base);
	else if (*text == '-')
		printf("%s - %s", base, text + 1);
	else
		printf("%s + %s", base, text);
}

static MAYBE void tell_signal(int signal)
{
#define NAMED(s) case s: printf(#s); return;
	switch (signal) {
	NAMED(SIGSEGV) NAMED(SIGBUS) NAMED(SIGILL) NAMED(SIGFPE) NAMED(SIGTRAP) NAMED(SIGSYS)
	NAMED(SIGXFSZ) NAMED(SIGPIPE) NAMED(SIGKILL) NAMED(SIGTERM) NAMED(SIGABRT)
	}
	printf("signal %d", signal);
}

static MAYBE void tell_error(void)
{
	int e = errno;

	if (guarded) {
		printf("blocked\n");
		return;
	}
	switch (e) {
#undef NAMED
#define NAMED(e) case e: printf(#e); break;
	NAMED(EPERM) NAMED(ENOENT) NAMED(ESRCH) NAMED(EINTR) NAMED(EIO) NAMED(ENXIO) NAMED(E2BIG)
	NAMED(ENOEXEC) NAMED(EBADF) NAMED(ECHILD) NAMED(EAGAIN) NAMED(ENOMEM) NAMED(EACCES)
	NAMED(EFAULT) NAMED(EBUSY) NAMED(EEXIST) NAMED(EXDEV) NAMED(ENODEV) NAMED(ENOTDIR)
	NAMED(EISDIR) NAMED(EINVAL) NAMED(ENFILE) NAMED(EMFILE) NAMED(ENOTTY) NAMED(ETXTBSY)
	NAMED(EFBIG) NAMED(ENOSPC) NAMED(ESPIPE) NAMED(EROFS) NAMED(EPIPE) NAMED(EDOM)
	NAMED(ERANGE) NAMED(EDEADLK) NAMED(ENOSYS) NAMED(ELOOP) NAMED(EIDRM) NAMED(EOVERFLOW)
	NAMED(EOPNOTSUPP) NAMED(ESTALE) NAMED(EDQUOT) NAMED(EHWPOISON)
	default: printf("errno %d", e);
	}
	if (raised) {
		printf(" ");
		tell_signal(raised);
	}
	printf("\n");
}

static MAYBE void tell_code(int signal, int code)
{
	static const struct { int signal, code; const char *name; } codes[] = {
		{ SIGSEGV, 1, "SEGV_MAPERR" }, { SIGSEGV, 2, "SEGV_ACCERR" },
		{ SIGSEGV, 3, "SEGV_BNDERR" }, { SIGSEGV, 4, "SEGV_PKUERR" },
		{ SIGBUS, 1, "BUS_ADRALN" }, { SIGBUS, 2, "BUS_ADRERR" },
		{ SIGBUS, 3, "BUS_OBJERR" }, { SIGBUS, 4, "BUS_MCEERR_AR" },
		{ SIGBUS, 5, "BUS_MCEERR_AO" }, { 0, 0x80, "SI_KERNEL" },
		{ 0, 0, "SI_USER" },
	};

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if ((codes[i].signal == signal || !codes[i].signal) && codes[i].code == code) {
			printf(" %s ", codes[i].name);
			return;
		}
	printf(" si_code %d ", code);
}
