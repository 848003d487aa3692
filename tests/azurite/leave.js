// Ends the emulator when the test that started it is gone, however it went: its standard input closes.
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
