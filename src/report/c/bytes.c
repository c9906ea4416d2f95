/* Bytes, as runs of one byte. */
struct bytes {
	struct { unsigned char byte; unsigned long long n; } *run;
	size_t runs;
};

static MAYBE void add(struct bytes *b, unsigned char byte, unsigned long long n)
{
	if (n && b->runs && b->run[b->runs - 1].byte == byte) {
		b->run[b->runs - 1].n += n;
	} else if (n) {
		b->run = realloc(b->run, (b->runs + 1) * sizeof *b->run);
		if (!b->run)
			abort();
		b->run[b->runs].byte = byte;
		b->run[b->runs++].n = n;
	}
}

static MAYBE void add_all(struct bytes *b, const void *from, size_t n)
{
	for (const unsigned char *p = from; n--; p++)
		add(b, *p, 1);
}

static MAYBE int is_text(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static MAYBE void tell_literal(const unsigned char *p, size_t n)
{
	size_t text = 0;

	while (text < n && is_text(p[text]))
		text++;
	if (text == n) {
		printf("\"%.*s\"", (int)n, (const char *)p);
		return;
	}
	printf("x\"");
	for (size_t i = 0; i < n; i++)
		printf("%s%02x", i ? " " : "", p[i]);
	printf("\"");
}

static MAYBE void tell_times(const char *times)
{
	printf(strchr(times, ' ') || *times == '-' ? "*(%s)" : "*%s", times);
}

/* Bytes of which none is there sixteen times in a row. */
static MAYBE void tell_few(const unsigned char *p, size_t n, const char **join)
{
	while (n) {
		size_t len = 1, same = 1;

		while (same < n && p[same] == *p)
			same++;
		printf("%s", *join);
		*join = " + ";
		if (same >= 5) {
			tell_literal(p, 1);
			tell_times(plain(same));
			len = same;
		} else {
			for (len = 0; len < n && is_text(p[len]) == is_text(*p); len++) {
				size_t again = len + 1;

				while (again < n && p[again] == p[len])
					again++;
				if (again - len >= 5)
					break;
			}
			len = len ? len : 1;
			tell_literal(p, len);
		}
		p += len;
		n -= len;
	}
}

static MAYBE void tell_content(const struct bytes *b)
{
	unsigned char *few = malloc(b->runs * 16 + 1);
	const char *join = "";
	size_t n = 0;

	if (!few)
		abort();
	if (!b->runs)
		printf("\"\"");
	for (size_t i = 0; i < b->runs; i++) {
		if (b->run[i].n < 16) {
			memset(few + n, b->run[i].byte, b->run[i].n);
			n += b->run[i].n;
			continue;
		}
		tell_few(few, n, &join);
		n = 0;
		printf("%s", join);
		join = " + ";
		tell_literal(&b->run[i].byte, 1);
		tell_times(number((long long)b->run[i].n));
	}
	tell_few(few, n, &join);
	free(few);
}
