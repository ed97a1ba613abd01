"""What people see and are asked: tables, a menu, progress. Everything it can do is also a flag and a setting."""
