"""The kinds of alert, one file each: how a kind becomes PromQL, how it is drawn and how it is tested."""
