"""The room that knows every other room: it reads the configuration, assembles the steps and runs them."""
