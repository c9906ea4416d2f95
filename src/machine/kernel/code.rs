//! Code that a case can put into a mapping and call.

/// The instructions of `int f(void) { return 42; }`; empty on an architecture that is not known.
/// It needs no stack and stands at any address.
pub static RETURN_42: &[u8] = &INSTRUCTIONS;

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
// mov $42, %eax; ret
static INSTRUCTIONS: [u8; 6] = [0xb8, 42, 0, 0, 0, 0xc3];
#[cfg(target_arch = "aarch64")]
// mov w0, #42; ret. Instructions are little-endian, whatever the data.
static INSTRUCTIONS: [u8; 8] = [0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6];
#[cfg(all(target_arch = "arm", target_endian = "little"))]
// mov r0, #42; bx lr
static INSTRUCTIONS: [u8; 8] = [42, 0x00, 0xa0, 0xe3, 0x1e, 0xff, 0x2f, 0xe1];
#[cfg(any(target_arch = "riscv64", target_arch = "riscv32"))]
// li a0, 42; ret
static INSTRUCTIONS: [u8; 8] = [0x13, 0x05, 0xa0, 0x02, 0x67, 0x80, 0x00, 0x00];
#[cfg(all(target_arch = "powerpc64", target_endian = "little"))]
// li r3, 42; blr. ELFv2: a pointer to a function is the address of its code.
static INSTRUCTIONS: [u8; 8] = [42, 0x00, 0x60, 0x38, 0x20, 0x00, 0x80, 0x4e];
#[cfg(target_arch = "s390x")]
// lghi %r2, 42; br %r14
static INSTRUCTIONS: [u8; 6] = [0xa7, 0x29, 0x00, 42, 0x07, 0xfe];
#[cfg(all(
    any(target_arch = "mips64", target_arch = "mips"),
    target_endian = "little"
))]
// jr $ra; li $v0, 42 in its delay slot
static INSTRUCTIONS: [u8; 8] = [0x08, 0x00, 0xe0, 0x03, 42, 0x00, 0x02, 0x24];
#[cfg(target_arch = "loongarch64")]
// li.w $a0, 42; ret
static INSTRUCTIONS: [u8; 8] = [0x04, 0xa8, 0x80, 0x02, 0x20, 0x00, 0x00, 0x4c];
#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "x86",
    target_arch = "aarch64",
    all(target_arch = "arm", target_endian = "little"),
    target_arch = "riscv64",
    target_arch = "riscv32",
    all(target_arch = "powerpc64", target_endian = "little"),
    target_arch = "s390x",
    all(
        any(target_arch = "mips64", target_arch = "mips"),
        target_endian = "little"
    ),
    target_arch = "loongarch64"
)))]
static INSTRUCTIONS: [u8; 0] = [];

/// How far from its address a call may reach, in bytes.
pub const REACH: i128 = 64;
