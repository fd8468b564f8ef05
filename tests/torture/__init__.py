"""The crash harness: syncs that are killed and lied to, and the emulator's books as the judge."""
