"""Own people who tell by Cursor on Target where they are, and when they need help, as a source."""
