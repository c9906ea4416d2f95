static MAYBE void tell_bytes(const void *from, size_t n)
{
	struct bytes b = { 0 };

	add_all(&b, from, n);
	tell_content(&b);
	printf("\n");
	free(b.run);
}
