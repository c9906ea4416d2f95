/* The file, and what it holds afterwards, seen through a descriptor of its own. */
static struct bytes declared;
static int watcher;

static MAYBE void make_file(unsigned long long size)
{
	unsigned long long at = 0;
	int fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)size)) {
		perror("file");
		exit(2);
	}
	for (size_t i = 0; i < declared.runs; i++) {
		unsigned char chunk[4096];
		unsigned long long left = declared.run[i].n;

		memset(chunk, declared.run[i].byte, sizeof chunk);
		while (declared.run[i].byte && left) {
			size_t n = left < sizeof chunk ? left : sizeof chunk;
			ssize_t wrote = pwrite(fd, chunk, n, (off_t)at);

			if (wrote <= 0) {
				perror("file");
				exit(2);
			}
			at += (unsigned long long)wrote;
			left -= (unsigned long long)wrote;
		}
		at += left;
	}
	close(fd);
	if (at < size)
		add(&declared, 0, size - at);
	watcher = fcntl(open("file", O_RDONLY), F_DUPFD, 200);
}

static MAYBE void tell_file(void)
{
	static unsigned char chunk[1 << 16];
	struct bytes now = { 0 };
	struct stat st = { 0 };
	off_t at = 0;

	fstat(watcher, &st);
	while (at < st.st_size) {
		off_t data = lseek(watcher, at, SEEK_DATA);
		ssize_t n;

		if (data < 0 || data > st.st_size)
			data = st.st_size;
		add(&now, 0, (unsigned long long)(data - at));
		at = data;
		n = at < st.st_size ? pread(watcher, chunk, sizeof chunk, at) : 0;
		if (n <= 0)
			break;
		add_all(&now, chunk, (size_t)n);
		at += n;
	}
	int same = now.runs == declared.runs;
	for (size_t i = 0; same && i < now.runs; i++)
		same = now.run[i].byte == declared.run[i].byte && now.run[i].n == declared.run[i].n;
	if (same) {
		printf("file unchanged\n");
	} else {
		printf("file = ");
		tell_content(&now);
		printf("\n");
	}
}
